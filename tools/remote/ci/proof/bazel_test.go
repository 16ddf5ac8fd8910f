package proof

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/nested"
)

const secret = "correcthorse"

// A workspace has one action.
type workspace struct {
	launcher, root, base, events string
	// rc is a .bazelrc, of a user's home.
	rc string
	// around is a command that Bazel is started by.
	around []string
	// logged is how much of the server's log was read.
	logged int
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	repository, err := nested.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	version, err := os.ReadFile(filepath.Join(repository, ".bazelversion"))
	if err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	w := &workspace{
		launcher: filepath.Join(repository, "tools/bazel"),
		root:     filepath.Join(scratch, "workspace"),
		base:     filepath.Join(scratch, "base"),
		events:   filepath.Join(scratch, "events.json"),
	}
	if err := os.Mkdir(w.root, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"WORKSPACE":     "",
		".bazelversion": string(version),
		".bazelrc":      "common --noenable_bzlmod --enable_workspace --incompatible_strict_action_env --curses=no --noshow_progress\n",
		"BUILD.bazel":   `genrule(name = "result", outs = ["result.txt"], cmd = "echo result >$@")`,
	} {
		if err := os.WriteFile(filepath.Join(w.root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		// That of a home which is gone by now.
		w.rc = ""
		if out, err := w.bazel("clean", "--expunge").CombinedOutput(); err != nil {
			t.Errorf("bazel clean: %v: %s", err, out)
		}
	})
	return w
}

func (w *workspace) bazel(command string, args ...string) *exec.Cmd {
	words := append(slices.Clone(w.around), w.launcher, "--output_base="+w.base)
	if w.rc != "" {
		words = append(words, "--bazelrc="+w.rc)
	}
	words = append(append(words, command), args...)
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env = w.root, nested.Environ()
	return cmd
}

// build builds anew, and returns Bazel's exit code and what it said.
func (w *workspace) build(t *testing.T, env []string, flags ...string) (int, string) {
	t.Helper()
	if out, err := w.bazel("clean").CombinedOutput(); err != nil {
		t.Fatalf("bazel clean: %v: %s", err, out)
	}
	// What is set for all of the user's builds does not count.
	cmd := w.bazel("build", append(flags, "--disk_cache=", "--remote_retries=0", "--build_event_json_file="+w.events, "//:result")...)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// tells is whether the secret is in the build events.
func (w *workspace) tells(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile(w.events)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(text), secret)
}

// logs is whether it is in what Bazel's server has logged since this was asked last.
func (w *workspace) logs(t *testing.T) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(w.base, "java.log"))
	if err != nil {
		t.Fatal(err)
	}
	if w.logged > len(text) {
		t.Fatal("the log of Bazel's server has become shorter")
	}
	text, w.logged = text[w.logged:], len(text)
	return strings.Contains(string(text), secret)
}
