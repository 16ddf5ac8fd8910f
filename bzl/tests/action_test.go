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
	"example.org/portable-walkthrough-go/tools/mkportable/image"
)

// An action is a copy of all that an image action reads, in a place of its own,
// to be run again under other circumstances. See image_action.bzl.
type action struct {
	root   string
	spec   string // below root
	header struct {
		// As the tool knows it, but for what tests change by name.
		image.Header
		Squashfs map[string]any `json:"squashfs"`
	}
}

// newAction copies the action that a spec declares. The inputs of all actions lie
// in the runfiles, below the paths that the specs name.
func newAction(t *testing.T, spec string) *action {
	t.Helper()
	a := &action{root: t.TempDir(), spec: "spec.jsonl"}
	for _, tree := range []string{"bazel-out", "bzl", "external", "rootfs", "units"} {
		copyTree(t, filepath.Join(os.Getenv("TEST_SRCDIR"), tree), filepath.Join(a.root, tree))
	}
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
	if err := os.MkdirAll(filepath.Dir(a.output()), 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

// output is where the image is made.
func (a *action) output() string { return filepath.Join(a.root, a.header.Output) }

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
	a.changeHeader(t, func() { a.header.Squashfs[field] = value })
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
	err := filepath.WalkDir(from, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, path[len(from):])
		if info.IsDir() {
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
