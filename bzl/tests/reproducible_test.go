package tests

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/squashfs"
)

// make runs the action.
func (a *action) make(t *testing.T, prepare func(*exec.Cmd)) {
	t.Helper()
	cmd := a.command(t)
	prepare(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// compare reports each path and field in which the action's image differs from the one that
// Bazel's own action made.
func (a *action) compare(t *testing.T) {
	t.Helper()
	for _, line := range squashfs.Diff(t, runfile.Of(t, "IMAGE"), a.output()) {
		t.Error(line)
	}
}

// The image has the bytes that Bazel's own action wrote, whatever the user, the place and the
// time. .ci/run verifies the same for the binary, built again in another output base: this
// test can't run Bazel.
func TestSameBytesWhateverTheCircumstances(t *testing.T) {
	processors := func(n int) func(*testing.T, *action, *exec.Cmd) {
		return func(t *testing.T, a *action, _ *exec.Cmd) { a.set(t, "processors", strconv.Itoa(n)) }
	}
	for name, test := range map[string]struct {
		action  func(*testing.T, string) *action
		prepare func(*testing.T, *action, *exec.Cmd)
	}{
		"other place":   {newAction, func(*testing.T, *action, *exec.Cmd) {}},
		"linked inputs": {linkAction, func(*testing.T, *action, *exec.Cmd) {}},
		"other environment": {linkAction, func(_ *testing.T, _ *action, cmd *exec.Cmd) {
			cmd.Env = []string{"TZ=Pacific/Kiritimati", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8",
				"SOURCE_DATE_EPOCH=1234567890", "HOME=/nowhere", "USER=nobody", "TMPDIR=/nowhere"}
		}},
		"other user": {linkAction, func(t *testing.T, _ *action, cmd *exec.Cmd) {
			needNamespaces(t)
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 4711, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 4712, HostID: os.Getgid(), Size: 1}},
			}
		}},
		"one processor":  {linkAction, processors(1)},
		"two processors": {linkAction, processors(2)},
		"4 processors":   {linkAction, processors(4)},
		"16 processors":  {linkAction, processors(16)},
		"umask 077": {linkAction, func(t *testing.T, _ *action, _ *exec.Cmd) {
			before := syscall.Umask(0o077)
			t.Cleanup(func() { syscall.Umask(before) })
		}},
		"other modes and times of the sources": {newAction, func(t *testing.T, a *action, _ *exec.Cmd) {
			a.eachInput(t, func(path string, mode fs.FileMode) error {
				if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(2_000_000_000, 0)); err != nil {
					return err
				}
				return os.Chmod(path, mode&0o500)
			})
		}},
		"hard-linked sources": {newAction, func(t *testing.T, a *action, _ *exec.Cmd) {
			// Not beside it, where it would be part of a tree.
			links := 0
			a.eachInput(t, func(path string, _ fs.FileMode) error {
				links++
				return os.Link(path, filepath.Join(filepath.Dir(a.root), fmt.Sprintf("link%d", links)))
			})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			a := test.action(t, runfile.Of(t, "ACTION"))
			a.make(t, func(cmd *exec.Cmd) { test.prepare(t, a, cmd) })
			a.compare(t)
		})
	}
}

// eachInput calls do with every file that the action may read.
func (a *action) eachInput(t *testing.T, do func(path string, mode fs.FileMode) error) {
	t.Helper()
	err := filepath.WalkDir(a.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		return do(path, info.Mode().Perm())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The clock does not affect the image: it is the same a second later, the unit of times in a
// squashfs. The negative control: without our flags, mksquashfs writes the current second.
func TestSameBytesASecondLater(t *testing.T) {
	a := linkAction(t, runfile.Of(t, "ACTION"))
	bare := filepath.Join(a.root, "bare.raw")
	mksquashfs := program.Program{Path: a.file("mksquashfs"), Loader: a.file("loader"), Libraries: a.file("libraries")}
	makeBoth := func() {
		a.make(t, func(*exec.Cmd) {})
		cmd := mksquashfs.Command(t.Context(), specFile, bare, "-noappend", "-quiet", "-no-progress")
		cmd.Dir = a.root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	makeBoth()
	for _, name := range []string{a.output(), bare} {
		if err := os.Rename(name, name+".before"); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(1100 * time.Millisecond)
	makeBoth()
	if lines := squashfs.Diff(t, a.output()+".before", a.output()); len(lines) > 0 {
		t.Errorf("the clock affects the image:\n%s", strings.Join(lines, "\n"))
	}
	if lines := strings.Join(squashfs.Diff(t, bare+".before", bare), "\n"); !strings.Contains(lines, "file system: Creation or last append time") {
		t.Errorf("mksquashfs without its flags should differ in its time, but: %s", lines)
	}
}

// The negative control: the comparison above finds a difference if there is one, and
// names its place.
func TestOtherInputsGiveOtherBytes(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*testing.T, *action)
		want   string
	}{
		"one letter": {func(t *testing.T, a *action) {
			source := a.source(t, "/usr/lib/os-release")
			content, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(source, bytes.Replace(content, []byte("ID="), []byte("Id="), 1), 0o644); err != nil {
				t.Fatal(err)
			}
		}, "/usr/lib/os-release: content sha256:"},
		"compression level": {func(t *testing.T, a *action) { a.set(t, "level", "2") }, "file system: \tcompression-level 1, against \tcompression-level 2"},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAction(t, runfile.Of(t, "ACTION"))
			test.change(t, a)
			a.make(t, func(*exec.Cmd) {})
			lines := strings.Join(squashfs.Diff(t, runfile.Of(t, "IMAGE"), a.output()), "\n")
			if !strings.Contains(lines, test.want) {
				t.Errorf("got %q, want %q", lines, test.want)
			}
		})
	}
}
