package tests

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"example.org/portable-walkthrough-go/bzl/tests/squashfs"
)

// An action is all that an image action reads, in a place of its own, to be run again
// under other circumstances. See image_action.bzl.
type action struct {
	root   string
	spec   string         // below root
	header map[string]any // the spec's first line
}

// trees hold the inputs of all actions, in the runfiles and below the paths that the
// specs name.
var trees = []string{"bazel-out", "bzl", "external", "units"}

// newAction copies the action that a spec declares.
func newAction(t *testing.T, spec string) *action {
	t.Helper()
	root := t.TempDir()
	for _, tree := range trees {
		copyTree(t, filepath.Join(os.Getenv("TEST_SRCDIR"), tree), filepath.Join(root, tree))
	}
	return declare(t, root, spec)
}

// linkAction is newAction without a copy: the inputs are links, as Bazel's sandbox has
// them. They must not be changed.
func linkAction(t *testing.T, spec string) *action {
	t.Helper()
	root := t.TempDir()
	for _, tree := range trees {
		if err := os.Symlink(filepath.Join(os.Getenv("TEST_SRCDIR"), tree), filepath.Join(root, tree)); err != nil {
			t.Fatal(err)
		}
	}
	return declare(t, root, spec)
}

// declare puts the spec beside its inputs. The image is made in a directory that is
// only for that.
func declare(t *testing.T, root, spec string) *action {
	t.Helper()
	a := &action{root: root, spec: "spec.jsonl"}
	content, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := bytes.Cut(content, []byte("\n"))
	if err := json.Unmarshal(header, &a.header); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.root, a.spec), content, 0o644); err != nil {
		t.Fatal(err)
	}
	a.changeHeader(t, func() { a.header["output"] = "made/image.raw" })
	if err := os.Mkdir(filepath.Dir(a.output()), 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

// output is where the image is made.
func (a *action) output() string { return filepath.Join(a.root, a.header["output"].(string)) }

// squashfs is what the spec says of how the file system is made.
func (a *action) squashfs() map[string]any { return a.header["squashfs"].(map[string]any) }

// changeHeader changes what the spec says of the image as a whole.
func (a *action) changeHeader(t *testing.T, change func()) {
	t.Helper()
	name := filepath.Join(a.root, a.spec)
	spec, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	change()
	header, err := json.Marshal(a.header)
	if err != nil {
		t.Fatal(err)
	}
	_, entries, _ := bytes.Cut(spec, []byte("\n"))
	if err := os.WriteFile(name, append(append(header, '\n'), entries...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// setSquashfs changes how the spec says that the file system is made.
func (a *action) setSquashfs(t *testing.T, field string, value any) {
	t.Helper()
	a.changeHeader(t, func() { a.squashfs()[field] = value })
}

// source returns the file that an entry is made from.
func (a *action) source(t *testing.T, path string) string {
	t.Helper()
	spec, err := os.ReadFile(filepath.Join(a.root, a.spec))
	if err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(spec) {
		var entry struct{ Path, Source string }
		if err := json.Unmarshal(line, &entry); err != nil {
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
	cmd := exec.CommandContext(t.Context(), squashfs.Runfile(t, "MKPORTABLE"), a.spec)
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
