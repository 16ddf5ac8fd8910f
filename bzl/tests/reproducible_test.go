package tests

import (
	"bytes"
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

// make runs the action and returns the image.
func (a *action) make(t *testing.T, prepare func(*exec.Cmd)) []byte {
	t.Helper()
	cmd := a.command(t)
	prepare(cmd)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	image, err := os.ReadFile(a.output())
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// Whoever builds it where and when, the image has the bytes that Bazel's own
// action wrote. That the binary in it has, built anew in another output base, is
// for .ci/run to show: a test can't run Bazel.
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
		"other user": func(_ *testing.T, _ *action, cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 4711, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 4712, HostID: os.Getgid(), Size: 1}},
			}
		},
		"one processor": func(t *testing.T, a *action, _ *exec.Cmd) { a.setSquashfs(t, "processors", 1) },
		"16 processors": func(t *testing.T, a *action, _ *exec.Cmd) { a.setSquashfs(t, "processors", 16) },
		"umask 077": func(t *testing.T, _ *action, _ *exec.Cmd) {
			before := syscall.Umask(0o077)
			t.Cleanup(func() { syscall.Umask(before) })
		},
		"other modes and times of the sources": func(t *testing.T, a *action, _ *exec.Cmd) {
			err := filepath.WalkDir(a.root, func(path string, d fs.DirEntry, err error) error {
				if err != nil || d.IsDir() {
					return err
				}
				info, err := d.Info()
				if err != nil {
					return err
				}
				if err := os.Chtimes(path, time.Unix(1, 0), time.Unix(2_000_000_000, 0)); err != nil {
					return err
				}
				return os.Chmod(path, info.Mode().Perm()&0o500)
			})
			if err != nil {
				t.Fatal(err)
			}
		},
		"hard-linked sources": func(t *testing.T, a *action, _ *exec.Cmd) {
			source := a.source(t, "/usr/lib/os-release")
			if err := os.Link(source, source+".link"); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAction(t, squashfs.Runfile(t, "SPEC"))
			got := a.make(t, func(cmd *exec.Cmd) { prepare(t, a, cmd) })
			if !bytes.Equal(got, want) {
				t.Errorf("the image differs (%d bytes against %d)\n got %s\nwant %s", len(got), len(want),
					strings.Join(squashfs.List(t, a.output()), "\n     "),
					strings.Join(squashfs.List(t, squashfs.Runfile(t, "IMAGE")), "\n     "))
			}
		})
	}
}

// The negative control: the comparison above sees a difference if there is one.
func TestOtherInputsGiveOtherBytes(t *testing.T) {
	want, err := os.ReadFile(squashfs.Runfile(t, "IMAGE"))
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*testing.T, *action){
		"one letter": func(t *testing.T, a *action) {
			source := a.source(t, "/usr/lib/os-release")
			content, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(source, bytes.Replace(content, []byte("ID="), []byte("Id="), 1), 0o644); err != nil {
				t.Fatal(err)
			}
		},
		"compression level": func(t *testing.T, a *action) { a.setSquashfs(t, "level", 1) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAction(t, squashfs.Runfile(t, "SPEC"))
			change(t, a)
			if bytes.Equal(a.make(t, func(*exec.Cmd) {}), want) {
				t.Error("the image is the same")
			}
		})
	}
}
