// Package bazeltest starts a Bazel inside a test: under bazel run, where it builds with the
// workspace's own launcher, and under bazel test, where it is the bazel of $PATH.
package bazeltest

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.org/portable-walkthrough-go/tools/skip"
)

// running ends with the first signal that would end the test. The Bazel that runs then is
// stopped and later ones do not start, so that the test fails and cleans up.
var running = untilSignal()

func untilSignal() context.Context {
	ctx, _ := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// rules_go sets this for a test, but not for the test's wrapper.
	if os.Getenv("GO_TEST_WRAP") == "0" {
		// On a signal test-setup.sh, by which Bazel starts tests, kills the process group
		// with the wrapper, and nothing would clean up. So the test leaves the group and
		// takes the end of its parent as the signal.
		_ = syscall.Setpgid(0, 0)
		_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_PDEATHSIG, uintptr(syscall.SIGTERM), 0)
		// The reader of the output ends with the parent. The test goes on without it.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	}
	return ctx
}

// Options describe a Bazel. All but Dir have a default.
type Options struct {
	// Dir is the workspace to build.
	Dir string
	// Program is a Bazel or a tools/bazel. Default: under bazel run the tools/bazel of the
	// workspace that bazel run was called in; under bazel test $BAZEL_REAL, or else the
	// bazel in $PATH. The test is skipped where that does not start.
	Program string
	// Prefix is a command that executes the rest of its words, such as env.
	Prefix []string
	// Startup are startup options.
	Startup []string
	// Flags are added to each build and test.
	Flags []string
	// Env is the environment. Default: Environ(), at the start of each command.
	Env []string
	// UserOutputBase has Bazel work in the user's output base, whose server stays as it is.
	// Default: an output base that is removed when the test ends.
	UserOutputBase bool
}

// A Bazel builds in a workspace.
type Bazel struct {
	// Log is the execution log of the last build or test (--execution_log_json_file).
	Log string

	o      Options
	prefix []string
}

// New returns a Bazel. If it has an output base of its own, the end of the test ends its
// server and removes it.
func New(t testing.TB, o Options) *Bazel {
	t.Helper()
	if o.Program == "" {
		var startup []string
		o.Program, startup = program(t)
		o.Startup = append(startup, o.Startup...)
	}
	scratch := t.TempDir()
	b := &Bazel{Log: filepath.Join(scratch, "log.json"), o: o}
	b.prefix = append(append(append(b.prefix, o.Prefix...), o.Program), o.Startup...)
	if !o.UserOutputBase {
		// Should the test be killed, the server ends soon.
		b.prefix = append(b.prefix, "--output_base="+filepath.Join(scratch, "base"), "--max_idle_secs=300")
		t.Cleanup(func() {
			// Also after a signal. Repositories may have read-only files, which Bazel can remove.
			if out, err := b.command(context.Background(), "clean", "--expunge").CombinedOutput(); err != nil {
				t.Errorf("bazel clean --expunge: %v: %s", err, out)
			}
		})
	}
	return b
}

// program returns the Bazel to start and its startup options.
func program(t testing.TB) (path string, startup []string) {
	t.Helper()
	if workspace := os.Getenv("BUILD_WORKSPACE_DIRECTORY"); workspace != "" {
		return filepath.Join(workspace, "tools/bazel"), nil
	}
	path = os.Getenv("BAZEL_REAL")
	if path == "" {
		path = "bazel"
	}
	// A test has no HOME.
	startup = []string{"--nosystem_rc", "--nohome_rc", "--output_user_root=" + filepath.Join(t.TempDir(), "user")}
	// Debian's Bazel does not carry its parts along; they lie here, also in the sysroot that
	// tools/bazel provisions.
	const base = "/usr/share/bazel"
	if _, err := os.Stat(base + "/install_base_key"); err == nil {
		startup = append(startup, "--install_base="+base, "--trust_install_base", "--server_javabase=/usr/lib/jvm/default-java")
	}
	// Bazelisk in $PATH would download a Bazel, which a test can't.
	if out, err := exec.Command(path, append(startup, "--version")...).CombinedOutput(); err != nil {
		skip.OrFail(t, "%s does not start: %v: %s; with Bazelisk, add --test_env=BAZEL_REAL to bazel test", path, err, out)
	}
	return path, startup
}

// Dir is the workspace.
func (b *Bazel) Dir() string { return b.o.Dir }

// Command returns a command of Bazel's, which a signal to the test stops.
func (b *Bazel) Command(command string, args ...string) *exec.Cmd {
	cmd := b.command(running, command, args...)
	// Bazel's client cancels the build, and waits for that.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd
}

func (b *Bazel) command(ctx context.Context, command string, args ...string) *exec.Cmd {
	words := append(append([]string{}, b.prefix...), command)
	if command == "build" || command == "test" {
		words = append(words, "--curses=no", "--show_progress_rate_limit=30", "--execution_log_json_file="+b.Log)
		words = append(words, b.o.Flags...)
	}
	words = append(words, args...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = b.o.Dir, b.o.Env
	if cmd.Env == nil {
		cmd.Env = Environ()
	}
	return cmd
}

// Try runs a command and returns its output, which it also writes to the test's.
func (b *Bazel) Try(t testing.TB, command string, args ...string) (output string, err error) {
	t.Helper()
	var out bytes.Buffer
	cmd := b.Command(command, args...)
	cmd.Stdout = io.MultiWriter(&out, t.Output())
	cmd.Stderr = cmd.Stdout
	err = cmd.Run()
	return out.String(), err
}

// Run is [Bazel.Try] for a command that must succeed.
func (b *Bazel) Run(t testing.TB, command string, args ...string) (output string) {
	t.Helper()
	output, err := b.Try(t, command, args...)
	if err != nil {
		t.Fatalf("bazel %s %s: %v", command, strings.Join(args, " "), err)
	}
	return output
}

// Fail runs a command that must fail, with a text in its output.
func (b *Bazel) Fail(t testing.TB, text, command string, args ...string) {
	t.Helper()
	switch output, err := b.Try(t, command, args...); {
	case err == nil:
		t.Errorf("bazel %s %s succeeded; want a failure", command, strings.Join(args, " "))
	case !strings.Contains(output, text):
		t.Errorf("bazel %s %s failed without %q in its output", command, strings.Join(args, " "), text)
	}
}

// Print runs a command that must succeed and returns what it prints to standard output.
func (b *Bazel) Print(t testing.TB, command string, args ...string) string {
	t.Helper()
	cmd := b.Command(command, args...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bazel %s %s: %v", command, strings.Join(args, " "), err)
	}
	return string(out)
}

// Workspace returns the root of the workspace that bazel run was called in.
func Workspace(t testing.TB) string {
	t.Helper()
	path := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if path == "" {
		t.Fatal("$BUILD_WORKSPACE_DIRECTORY is not set: start this with bazel run, not with bazel test")
	}
	return path
}

// Environ returns the environment without the variables by which Bazel runs a test.
func Environ() []string {
	var env []string
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case strings.HasPrefix(name, "BUILD_"), strings.HasPrefix(name, "RUNFILES_"), strings.HasPrefix(name, "TEST_"), name == "JAVA_RUNFILES", name == "PYTHON_RUNFILES":
		default:
			env = append(env, variable)
		}
	}
	return env
}
