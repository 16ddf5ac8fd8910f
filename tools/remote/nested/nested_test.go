package nested

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// launcher stands for tools/bazel: it writes down what it is asked for, and builds until
// it is told to stop.
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

// A signal stops what runs and what would come, and what ends the server works.
func TestSignal(t *testing.T) {
	scratch := t.TempDir()
	log := filepath.Join(scratch, "log")
	b := &Bazel{
		Dir:        scratch,
		Launcher:   filepath.Join(scratch, "bazel"),
		OutputBase: "base",
		Env:        append(os.Environ(), "LOG="+log),
	}
	if err := os.WriteFile(b.Launcher, []byte(launcher), 0o755); err != nil {
		t.Fatal(err)
	}
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
	if err := b.Command("build", "//:image").Run(); err == nil {
		t.Error("after the signal another build was started")
	}
	if err := b.Remove(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	const startup = "--output_base=base --max_idle_secs=300 "
	want := []string{startup + "build //:image", "cancelled", startup + "clean --expunge"}
	if got := strings.Split(strings.TrimSpace(string(text)), "\n"); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPrefixAndUsersOwn(t *testing.T) {
	b := &Bazel{Launcher: "tools/bazel", Prefix: []string{"env", "A=b"}}
	if got, want := b.command(t.Context(), "info", "release").Args, []string{"env", "A=b", "tools/bazel", "info", "release"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
