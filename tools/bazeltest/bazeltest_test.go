package bazeltest

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// launcher stands for tools/bazel: it writes its words to a file, and builds until SIGTERM.
const launcher = `#!/bin/sh
echo "$@" >>"$LOG"
case "$*" in
  *' build '*)
    trap 'kill $!; echo cancelled >>"$LOG"; exit 8' TERM
    sleep 600 &
    echo building
    wait
    ;;
esac
`

// A signal stops the Bazel that runs and refuses later ones; the end of the test still ends
// the server.
func TestSignal(t *testing.T) {
	// For the other tests.
	defer func() { running = untilSignal() }()
	scratch := t.TempDir()
	log := filepath.Join(scratch, "log")
	program := filepath.Join(scratch, "bazel")
	if err := os.WriteFile(program, []byte(launcher), 0o755); err != nil {
		t.Fatal(err)
	}
	var base string
	t.Run("a test that gets a signal", func(t *testing.T) {
		b := New(t, Options{Dir: scratch, Program: program, Env: append(os.Environ(), "LOG="+log)})
		base = strings.TrimSuffix(b.Log, "log.json") + "base"
		cmd := b.Command("build", "//:image")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil {
			t.Error("the build was not stopped")
		}
		if _, err := b.Try(t, "build", "//:image"); err == nil {
			t.Error("after the signal another build started")
		}
	})
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	startup := "--output_base=" + base + " --max_idle_secs=300 "
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], startup+"build ") || !slices.Equal(lines[1:], []string{"cancelled", startup + "clean --expunge"}) {
		t.Errorf("got %q; want a build, cancelled, and clean --expunge, with %q", lines, startup)
	}
}

func TestWords(t *testing.T) {
	b := New(t, Options{Program: "tools/bazel", Prefix: []string{"env", "A=b"}, UserOutputBase: true, Flags: []string{"--keep_going"}})
	if got, want := b.Command("info", "release").Args, []string{"env", "A=b", "tools/bazel", "info", "release"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := b.Command("test", "//...").Args; !slices.Contains(got, "--keep_going") {
		t.Errorf("a test has no --keep_going: %q", got)
	}
}

// Under bazel test a real Bazel builds, and fails, in an output base of its own.
func TestBuild(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"WORKSPACE":   "",
		"BUILD.bazel": `filegroup(name = "good")`,
		"bad/BUILD":   "nothing()",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b := New(t, Options{Dir: dir, Flags: []string{"--noenable_bzlmod", "--enable_workspace"}})
	b.Run(t, "build", "//:good")
	b.Fail(t, "name 'nothing' is not defined", "build", "//bad")
	if base := strings.TrimSpace(b.Print(t, "info", "output_base")); base != filepath.Join(filepath.Dir(b.Log), "base") {
		t.Errorf("the output base is %q", base)
	}
}
