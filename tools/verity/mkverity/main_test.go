package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/skip"
	"example.org/portable-walkthrough-go/tools/verity/ddi"
	"example.org/portable-walkthrough-go/tools/verity/smalldisk"
)

// squashfs writes a file with a squashfs's magic number and size.
func squashfs(t *testing.T, size int) (path string) {
	t.Helper()
	content := make([]byte, size)
	copy(content, "hsqs")
	binary.LittleEndian.PutUint64(content[40:], uint64(size))
	path = filepath.Join(t.TempDir(), "image.raw")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOutputs(t *testing.T) {
	from, to := squashfs(t, 1<<20), t.TempDir()
	image, roothash, manifest := filepath.Join(to, "a.raw"), filepath.Join(to, "a.roothash"), filepath.Join(to, "a.json")
	// A Bazel without a sandbox may leave such files.
	if err := os.WriteFile(image+".partial", make([]byte, 10<<20), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), from, "arm64", image, roothash, manifest); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	var m ddi.Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	hash, err := os.ReadFile(roothash)
	if err != nil || string(hash) != m.RootHash || len(hash) != 64 {
		t.Errorf("root hash %q, in the manifest %q: %v", hash, m.RootHash, err)
	}
	if info, err := os.Stat(image); err != nil || info.Size() != m.Size {
		t.Errorf("%v, %v, want %d bytes", info, err, m.Size)
	}
	empty(t, to, 3)
}

func TestFailuresLeaveNothing(t *testing.T) {
	odd := squashfs(t, 1<<20+1)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for want, test := range map[string]struct {
		ctx          context.Context
		from         string
		architecture string
	}{
		"not a multiple of 4096": {t.Context(), odd, "arm64"},
		"no such file":           {t.Context(), odd + ".none", "arm64"},
		"partition types are":    {t.Context(), squashfs(t, 1<<20), "vax"},
		"context canceled":       {cancelled, squashfs(t, 1<<20), "arm64"},
	} {
		to := t.TempDir()
		err := run(test.ctx, test.from, test.architecture, filepath.Join(to, "a.raw"), filepath.Join(to, "b"), filepath.Join(to, "c"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		empty(t, to, 0)
	}
}

func TestTwoOutputsOfOneName(t *testing.T) {
	to := t.TempDir()
	name := filepath.Join(to, "a.raw")
	if err := run(t.Context(), squashfs(t, 1<<20), "arm64", name, name, ""); err == nil || !strings.Contains(err.Error(), name+": two outputs have this name") {
		t.Errorf("got %v", err)
	}
	empty(t, to, 0)
}

func TestFullDisk(t *testing.T) {
	from := squashfs(t, 4<<20)
	smalldisk.Run(t, "1m", func(directory string) {
		err := run(t.Context(), from, "arm64", filepath.Join(directory, "a.raw"), filepath.Join(directory, "a.roothash"), "")
		if err == nil || !strings.Contains(err.Error(), "no space left on device") {
			t.Errorf("got %v", err)
		}
		empty(t, directory, 0)
	})
}

// asMkverity makes the test binary be the program.
const asMkverity = "TEST_AS_MKVERITY"

func TestMain(m *testing.M) {
	if os.Getenv(asMkverity) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// The image has the same bytes, whatever the user, the place, the time and the number of processors.
func TestSameBytesWhateverTheCircumstances(t *testing.T) {
	from := squashfs(t, 5<<20)
	makeImage := func(t *testing.T, from string, prepare func(*exec.Cmd)) []byte {
		t.Helper()
		to := filepath.Join(t.TempDir(), "image.raw")
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "--architecture=riscv64", from, to)
		cmd.Env = []string{asMkverity + "=1"}
		prepare(cmd)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		content, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	want := makeImage(t, from, func(*exec.Cmd) {})
	for name, prepare := range map[string]func(*exec.Cmd){
		"one processor": func(c *exec.Cmd) { c.Env = append(c.Env, "GOMAXPROCS=1") },
		"16 processors": func(c *exec.Cmd) { c.Env = append(c.Env, "GOMAXPROCS=16") },
		"other environment": func(c *exec.Cmd) {
			c.Env = append(c.Env, "TZ=Pacific/Kiritimati", "LC_ALL=tr_TR.UTF-8", "SOURCE_DATE_EPOCH=1234567890", "HOME=/nowhere", "USER=nobody", "TMPDIR=/nowhere")
		},
		"umask 077": func(*exec.Cmd) {
			before := syscall.Umask(0o077)
			t.Cleanup(func() { syscall.Umask(before) })
		},
		"other user": func(c *exec.Cmd) {
			c.SysProcAttr = &syscall.SysProcAttr{
				Cloneflags:  syscall.CLONE_NEWUSER,
				UidMappings: []syscall.SysProcIDMap{{ContainerID: 4711, HostID: os.Getuid(), Size: 1}},
				GidMappings: []syscall.SysProcIDMap{{ContainerID: 4712, HostID: os.Getgid(), Size: 1}},
			}
			probe := exec.Command("/bin/true")
			probe.SysProcAttr = c.SysProcAttr
			if err := probe.Run(); err != nil {
				skip.OrFail(t, "no user namespaces: %v", err)
			}
		},
		"a second later": func(*exec.Cmd) { time.Sleep(1100 * time.Millisecond) },
	} {
		t.Run(name, func(t *testing.T) {
			if got := makeImage(t, from, prepare); !bytes.Equal(got, want) {
				t.Error("other bytes")
			}
		})
	}
	// Of another path, mode and time.
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other name.raw")
	if err := errors.Join(os.WriteFile(other, content, 0o400), os.Chtimes(other, time.Unix(1, 0), time.Unix(2, 0))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(makeImage(t, other, func(*exec.Cmd) {}), want) {
		t.Error("other bytes of another file with the same content")
	}
	// The negative control.
	if bytes.Equal(makeImage(t, squashfs(t, 6<<20), func(*exec.Cmd) {}), want) {
		t.Error("another squashfs has the same image")
	}
}

// empty verifies the number of files in a directory.
func empty(t *testing.T, directory string, want int) {
	t.Helper()
	if left, err := os.ReadDir(directory); err != nil || len(left) != want {
		t.Errorf("%d files, want %d: %v, %v", len(left), want, left, err)
	}
}
