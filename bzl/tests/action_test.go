package tests

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// An action is all that an image action reads, in a place of its own, to be run again
// under other circumstances. See image_action.bzl.
type action struct {
	root  string
	flags []string // of mkportable, in order
	// inventory are those of collect; listedFile and targetsFile have the rest.
	inventory []string
}

// specFile is the name of an action's parameter file, below its root.
const specFile = "spec.jsonl"

// listedFile and targetsFile are the names of the inventory action's parameter files.
const listedFile, targetsFile = "listed.jsonl", "targets.jsonl"

// trees are the directories with the inputs of all actions. They are in the runfiles, below the
// paths that the actions' arguments name.
var trees = []string{"bazel-out", "bzl", "external", "units"}

// newAction copies the action that a file NAME.action describes.
func newAction(t *testing.T, file string) *action {
	t.Helper()
	root := t.TempDir()
	for _, tree := range trees {
		copyTree(t, filepath.Join(os.Getenv("TEST_SRCDIR"), tree), filepath.Join(root, tree))
	}
	return readAction(t, root, file)
}

// linkAction is newAction without a copy: the inputs are links, as Bazel's sandbox has
// them. They must not be changed.
func linkAction(t *testing.T, file string) *action {
	t.Helper()
	root := t.TempDir()
	for _, tree := range trees {
		if err := os.Symlink(filepath.Join(os.Getenv("TEST_SRCDIR"), tree), filepath.Join(root, tree)); err != nil {
			t.Fatal(err)
		}
	}
	return readAction(t, root, file)
}

// readAction puts the spec beside its inputs. The image is made in a directory that is
// only for that.
func readAction(t *testing.T, root, file string) *action {
	t.Helper()
	a := &action{root: root}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var spec, listed, targets []string
	for line := range strings.Lines(string(content)) {
		flag := strings.TrimSuffix(line, "\n")
		rest, ofInventory := strings.CutPrefix(line, "inventory ")
		switch {
		case ofInventory && strings.HasPrefix(rest, "--"):
			a.inventory = append(a.inventory, strings.TrimPrefix(flag, "inventory "))
		case ofInventory && strings.HasPrefix(rest, `{"label":`):
			targets = append(targets, rest)
		case ofInventory:
			listed = append(listed, rest)
		case strings.HasPrefix(flag, "--"):
			a.flags = append(a.flags, flag)
		default:
			spec = append(spec, line)
		}
	}
	if len(a.flags) == 0 || len(spec) < 2 {
		t.Fatalf("%s has %d flags and %d lines of a spec", file, len(a.flags), len(spec))
	}
	if err := os.WriteFile(filepath.Join(root, specFile), []byte(strings.Join(spec, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, lines := range map[string][]string{listedFile: listed, targetsFile: targets} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(strings.Join(lines, "")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a.flags = append(a.flags, "--spec="+specFile)
	a.set(t, "output", "made/image.raw")
	if err := os.Mkdir(filepath.Dir(a.output()), 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

// flag returns a flag's value, "" if it is not among the arguments.
func (a *action) flag(name string) string {
	for _, flag := range a.flags {
		if value, ok := strings.CutPrefix(flag, "--"+name+"="); ok {
			return value
		}
	}
	return ""
}

// set changes a flag that the action has.
func (a *action) set(t *testing.T, name, value string) {
	t.Helper()
	for i, flag := range a.flags {
		if strings.HasPrefix(flag, "--"+name+"=") {
			a.flags[i] = "--" + name + "=" + value
			return
		}
	}
	t.Fatalf("the action has no --%s: %q", name, a.flags)
}

// file is the file or directory that a flag names, "" if the action has no such flag.
func (a *action) file(name string) string {
	if value := a.flag(name); value != "" {
		return filepath.Join(a.root, value)
	}
	return ""
}

// output is where the image is made.
func (a *action) output() string { return a.file("output") }

// source returns the file that an entry is made from.
func (a *action) source(t *testing.T, path string) string {
	t.Helper()
	return a.sourceIn(t, specFile, path)
}

// sourceIn is source for another spec than the image action's.
func (a *action) sourceIn(t *testing.T, file, path string) string {
	t.Helper()
	spec, err := os.ReadFile(filepath.Join(a.root, file))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(spec)) {
		var entry struct{ Path, Source string }
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Path == path {
			return filepath.Join(a.root, entry.Source)
		}
	}
	t.Fatalf("the spec has no %s", path)
	return ""
}

// command makes the image, with no environment, as Bazel has it done.
func (a *action) command(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), runfile.Of(t, "MKPORTABLE"), a.flags...)
	cmd.Dir, cmd.Env = a.root, []string{}
	return cmd
}

// copyTree copies contents: times are now, links are followed.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if _, err := os.Stat(from); os.IsNotExist(err) {
		return
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, path[len(from):])
		if info.IsDir() {
			if d.Type() == fs.ModeSymlink {
				resolved, err := filepath.EvalSymlinks(path)
				copyTree(t, resolved, target)
				return err
			}
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, info.Mode().Perm()|0o200)
	})
	if err != nil {
		t.Fatal(err)
	}
}
