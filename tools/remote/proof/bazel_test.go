package proof

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/execlog"
	"example.org/portable-walkthrough-go/tools/remote/nested"
)

// A bazel builds this workspace.
type bazel struct {
	nested.Bazel
	// log is the execution log of the last build.
	log string
	// bin is where bazel-bin leads.
	bin string
	// flags are those of every build.
	flags []string
}

// userBazel is the user's own, with all that was built before.
func userBazel(t *testing.T) *bazel {
	t.Helper()
	return start(t, t.TempDir(), "")
}

// newBazel has outputs of its own, so that nothing was built before, and the user's stay
// as they are.
func newBazel(t *testing.T, flags ...string) *bazel {
	t.Helper()
	scratch := t.TempDir()
	b := start(t, scratch, filepath.Join(scratch, "base"))
	b.flags = flags
	return b
}

func start(t *testing.T, scratch, outputBase string) *bazel {
	t.Helper()
	workspace, err := nested.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	b := &bazel{
		Bazel: nested.Bazel{Dir: workspace, Launcher: filepath.Join(workspace, "tools/bazel"), OutputBase: outputBase},
		log:   filepath.Join(scratch, "log.json"),
	}
	if outputBase != "" {
		t.Cleanup(func() {
			if err := b.Remove(); err != nil {
				t.Error(err)
			}
		})
	}
	b.bin = b.info(t, "bazel-bin")
	return b
}

func (b *bazel) info(t *testing.T, key string) string {
	t.Helper()
	return strings.TrimSpace(b.output(t, "info", key))
}

// output is what a command prints.
func (b *bazel) output(t *testing.T, command string, args ...string) string {
	t.Helper()
	cmd := b.command(command, args...)
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("bazel %s %s: %v", command, strings.Join(args, " "), err)
	}
	return string(out)
}

func (b *bazel) image() string { return filepath.Join(b.bin, imageName) }

func (b *bazel) command(command string, args ...string) *exec.Cmd {
	if command == "build" || command == "test" {
		common := []string{
			"--curses=no",
			"--show_progress_rate_limit=30",
			// bazel-bin is the user's.
			"--experimental_convenience_symlinks=ignore",
			"--execution_log_json_file=" + b.log,
		}
		args = append(append(common, b.flags...), args...)
	}
	return b.Command(command, args...)
}

// must wants a command to work, and returns what it said.
func (b *bazel) must(t *testing.T, command string, args ...string) (said string) {
	t.Helper()
	var out bytes.Buffer
	cmd := b.command(command, args...)
	cmd.Stdout = io.MultiWriter(&out, t.Output())
	cmd.Stderr = cmd.Stdout
	if err := cmd.Run(); err != nil {
		t.Fatalf("bazel %s %s: %v", command, strings.Join(args, " "), err)
	}
	return out.String()
}

// mustFail wants the build to fail and to say so.
func (b *bazel) mustFail(t *testing.T, text, command string, args ...string) {
	t.Helper()
	out, err := b.command(command, args...).CombinedOutput()
	t.Logf("%s", out)
	switch {
	case err == nil:
		t.Errorf("bazel %s %s worked, and should not have", command, strings.Join(args, " "))
	case !bytes.Contains(out, []byte(text)):
		t.Errorf("bazel %s %s failed, but not with %q", command, strings.Join(args, " "), text)
	}
}

func (b *bazel) spawns(t *testing.T) []*execlog.Spawn {
	t.Helper()
	spawns, err := execlog.ReadFile(b.log)
	if err != nil {
		t.Fatal(err)
	}
	return spawns
}

// read returns what a build made.
func (b *bazel) read(t *testing.T, output string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.bin, output))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// remove has Bazel want the result of one action once more, and of no other.
func (b *bazel) remove(t *testing.T, output string) {
	t.Helper()
	if err := os.Remove(filepath.Join(b.bin, output)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}
