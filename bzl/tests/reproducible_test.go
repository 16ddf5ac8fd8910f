package tests

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/bzl/tests/squashfs"
)

// An action is a copy of all that the image action reads, in a place of its own,
// to be run again under other circumstances.
type action struct {
	root   string
	spec   string // below root
	header map[string]any
}

// newAction copies the inputs from the runfiles, where they lie below the paths
// that the spec names.
func newAction(t *testing.T) *action {
	t.Helper()
	a := &action{root: t.TempDir()}
	for _, tree := range []string{"bazel-out", "external", "rootfs", "units"} {
		from := filepath.Join(os.Getenv("TEST_SRCDIR"), tree)
		copyTree(t, from, filepath.Join(a.root, tree))
	}
	spec, err := os.ReadFile(squashfs.Runfile(t, "SPEC"))
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := bytes.Cut(spec, []byte("\n"))
	if err := json.Unmarshal(header, &a.header); err != nil {
		t.Fatal(err)
	}
	a.spec = "spec.jsonl"
	a.write(t, a.spec, spec)
	if err := os.MkdirAll(filepath.Join(a.root, filepath.Dir(a.output())), 0o755); err != nil {
		t.Fatal(err)
	}
	return a
}

func (a *action) output() string { return a.header["output"].(string) }

func (a *action) write(t *testing.T, path string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(a.root, path), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// setHeader changes a field of the spec's header.
func (a *action) setSquashfs(t *testing.T, field string, value any) {
	t.Helper()
	spec, err := os.ReadFile(filepath.Join(a.root, a.spec))
	if err != nil {
		t.Fatal(err)
	}
	a.header["squashfs"].(map[string]any)[field] = value
	header, err := json.Marshal(a.header)
	if err != nil {
		t.Fatal(err)
	}
	_, entries, _ := bytes.Cut(spec, []byte("\n"))
	a.write(t, a.spec, append(append(header, '\n'), entries...))
}

// source returns the path of the file that an entry is made from.
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

// run makes the image, in a command that prepare may change.
func (a *action) run(t *testing.T, prepare func(*exec.Cmd)) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), squashfs.Runfile(t, "MKPORTABLE"), a.spec)
	cmd.Dir, cmd.Env = a.root, []string{}
	if prepare != nil {
		prepare(cmd)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	image, err := os.ReadFile(filepath.Join(a.root, a.output()))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// copyTree copies contents only: modes are the umask's, times are now, links are
// followed.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, below)
		if info.IsDir() {
			return os.MkdirAll(target, 0o755)
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, content, info.Mode().Perm()|0o200)
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// Whoever builds it where and when, the image has the bytes that Bazel's own
// action wrote.
func TestSameBytesWhateverTheCircumstances(t *testing.T) {
	want, err := os.ReadFile(squashfs.Runfile(t, "IMAGE"))
	if err != nil {
		t.Fatal(err)
	}
	for name, prepare := range map[string]func(*testing.T, *action, *exec.Cmd){
		"other place": func(*testing.T, *action, *exec.Cmd) {},
		"other environment": func(_ *testing.T, _ *action, cmd *exec.Cmd) {
			cmd.Env = []string{"TZ=Pacific/Kiritimati", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8",
				"SOURCE_DATE_EPOCH=1234567890", "HOME=/nowhere", "USER=nobody", "TMPDIR=/nowhere"}
		},
		"other user": func(t *testing.T, _ *action, cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWUTS,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 4711, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 4712, HostID: os.Getgid(), Size: 1}},
			}
		},
		"one processor": func(t *testing.T, a *action, _ *exec.Cmd) { a.setSquashfs(t, "processors", 1) },
		"16 processors": func(t *testing.T, a *action, _ *exec.Cmd) { a.setSquashfs(t, "processors", 16) },
		"other modes and times of the sources": func(t *testing.T, a *action, _ *exec.Cmd) {
			err := filepath.WalkDir(a.root, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				mode := os.FileMode(0o400)
				if strings.Contains(path, "mksquashfs") || strings.Contains(path, "/ld-") {
					mode = 0o500
				}
				if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(2_000_000_000, 0)); err != nil {
					return err
				}
				return os.Chmod(path, mode)
			})
			if err != nil {
				t.Fatal(err)
			}
		},
		"umask 077": func(t *testing.T, _ *action, _ *exec.Cmd) {
			before := syscall.Umask(0o077)
			t.Cleanup(func() { syscall.Umask(before) })
		},
		"hard-linked sources": func(t *testing.T, a *action, _ *exec.Cmd) {
			source := a.source(t, "/usr/lib/os-release")
			if err := os.Link(source, source+".link"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAction(t)
			got := a.run(t, func(cmd *exec.Cmd) { prepare(t, a, cmd) })
			if !bytes.Equal(got, want) {
				t.Errorf("the image differs (%d bytes against %d)\n got %s\nwant %s", len(got), len(want),
					strings.Join(squashfs.List(t, filepath.Join(a.root, a.output())), "\n     "),
					strings.Join(squashfs.List(t, squashfs.Runfile(t, "IMAGE")), "\n     "))
			}
		})
	}
}

// The negative control: the comparison above sees a difference if there is one.
func TestOtherInputsGiveOtherBytes(t *testing.T) {
	want := newAction(t).run(t, nil)
	changed := newAction(t)
	source := changed.source(t, "/usr/lib/os-release")
	content, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(source, bytes.Replace(content, []byte("ID="), []byte("id="), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(changed.run(t, nil), want) {
		t.Error("one changed letter left the image as it was")
	}
	level := newAction(t)
	level.setSquashfs(t, "level", 1)
	if bytes.Equal(level.run(t, nil), want) {
		t.Error("another compression level left the image as it was")
	}
}
