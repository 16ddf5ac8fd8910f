// Package nested has what a program under bazel run needs to start another Bazel.
package nested

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
)

// running ends with the first signal that would end the program: what runs then is told
// to stop, what is started later fails, and so the program cleans up.
var running = untilSignal()

func untilSignal() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// What rules_go sets for a test, but not for the test's wrapper.
	if os.Getenv("GO_TEST_WRAP") == "0" {
		// On a signal the script that bazel run starts tests by (test-setup.sh) kills the
		// process group, with the wrapper: nobody could clean up. So the test leaves the
		// group, and has the end of its parent be the signal.
		_ = syscall.Setpgid(0, 0)
		_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0)
		// With the parent the reader of the output is gone. That is no reason to end.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	return ctx
}

// A Bazel builds in a workspace.
type Bazel struct {
	// Dir is the workspace. Launcher is a tools/bazel, this workspace's or another one's.
	Dir, Launcher string
	// Prefix are the words before the launcher, of a program that executes it.
	Prefix []string
	// OutputBase is its own. If empty it is the user's, whose server stays as it is.
	OutputBase string
	// Env is the environment. Default: Environ().
	Env []string
}

// Command is a command of Bazel's, which a signal stops.
func (b *Bazel) Command(command string, args ...string) *exec.Cmd {
	cmd := b.command(running, command, args...)
	// Bazel's client cancels the build, and waits for that.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

// Remove ends the server and removes the output base, with what is read-only there, and
// also after a signal.
func (b *Bazel) Remove() error {
	if out, err := b.command(context.Background(), "clean", "--expunge").CombinedOutput(); err != nil {
		return fmt.Errorf("bazel clean --expunge: %w: %s", err, out)
	}
	return nil
}

func (b *Bazel) command(ctx context.Context, command string, args ...string) *exec.Cmd {
	// As in tools/bazel, which Bazelisk hands over to with $BAZEL_REAL set.
	words := append(append([]string{}, b.Prefix...), b.Launcher)
	if b.OutputBase != "" {
		// Should the program be killed, the server ends soon.
		words = append(words, "--output_base="+b.OutputBase, "--max_idle_secs=300")
	}
	words = append(append(words, command), args...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = b.Dir, b.Env
	if cmd.Env == nil {
		cmd.Env = Environ()
	}
	return cmd
}

// Workspace is the root of the workspace that bazel run was called in.
func Workspace() (string, error) {
	path := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if path == "" {
		return "", errors.New("$BUILD_WORKSPACE_DIRECTORY is not set: start this with bazel run, not with bazel test")
	}
	return path, nil
}

// Environ is the environment without what bazel run has said to this program.
func Environ() []string {
	var env []string
	for _, variable := range os.Environ() {
		switch {
		case strings.HasPrefix(variable, "BUILD_"), strings.HasPrefix(variable, "RUNFILES_"), strings.HasPrefix(variable, "TEST_"):
		default:
			env = append(env, variable)
		}
	}
	return env
}
