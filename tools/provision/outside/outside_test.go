package outside

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// TestMain is also the program that leaves.
func TestMain(m *testing.M) {
	if os.Getenv("LEAVES") == "" {
		os.Exit(m.Run())
	}
	left, err := Leave()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	directory, _ := os.Getwd()
	fmt.Printf("left %v, inside %q, called in %s, in %s, with %q\n", left, os.Getenv("INSIDE"), os.Getenv("BUILD_WORKING_DIRECTORY"), directory, os.Args[1:])
}

// world is a shell that runs a command as tools/bazel run would, in a world that is nothing but a variable.
func world(t *testing.T, command string, arguments ...string) (cmd *exec.Cmd) {
	t.Helper()
	script, err := runfiles.Rlocation(os.Getenv("OUTSIDE"))
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	if err := os.Mkdir(filepath.Join(cache, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		left, err := filepath.Glob(filepath.Join(cache, "tmp/*"))
		if killed := cmd.ProcessState.ExitCode() == -1; err != nil || len(left) > 0 && !killed {
			t.Errorf("left %q, %v", left, err)
		}
	})
	cmd = exec.Command("bash", append([]string{"-euc", `source "$0"
cache=$1
shift
sysroot_run() { shift; exec env INSIDE=1 ${ends_with_launcher:+setpriv --pdeathsig KILL} "$@"; }
trap '' INT
outside_run sysroot ` + command, script, cache}, arguments...)...)
	return cmd
}

// A program that leaves is run once more, outside, with its words, its directory and its standard input.
func TestLeaves(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	directory := t.TempDir()
	cmd := world(t, `env --chdir="$2" BUILD_WORKING_DIRECTORY="/a b" LEAVES=1 "$1" "two words" "" --x`, program, directory)
	cmd.Env = append(os.Environ(), "LEAVES=1")
	out, err := cmd.CombinedOutput()
	want := fmt.Sprintf("left true, inside \"1\", called in /a b, in %[1]s, with [\"two words\" \"\" \"--x\"]\n"+
		"left false, inside \"\", called in /a b, in %[1]s, with [\"two words\" \"\" \"--x\"]\n", directory)
	if err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}

// Others stay: with their standard input and their exit status.
func TestStays(t *testing.T) {
	cmd := world(t, `sh -c 'read -r line; echo "$INSIDE $line"; exit 37'`)
	cmd.Stdin = strings.NewReader("a line\n")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 37 || string(out) != "1 a line\n" {
		t.Errorf("%v: %s", err, out)
	}
	// One that fails is not run again, whatever it wrote.
	cmd = world(t, `sh -c 'printf "echo\0again\0" >"$PROVISION_OUTSIDE"; exit 5'`)
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != 5 || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// A signal that ends the launcher ends the command too.
func TestEnds(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		cmd := world(t, `sh -c 'echo ready; exec sleep 1000'`)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		// The pipe is closed when both are gone.
		ended := make(chan error, 1)
		go func() {
			_, err := io.Copy(io.Discard, out)
			ended <- errors.Join(err, cmd.Wait())
		}()
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatalf("%v: the command goes on", signal)
		}
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); signal == syscall.SIGTERM && status.ExitStatus() != 128+int(signal) {
			t.Errorf("%v: exit status %d", signal, status.ExitStatus())
		}
	}
}
