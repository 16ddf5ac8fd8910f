package counter

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.org/portable-walkthrough-go/tools/skip"
)

// ownDisk returns a directory that is a small file system of its own, and runs the
// rest of the test in a process that may mount it: root in a user namespace.
func ownDisk(t *testing.T, test func(t *testing.T, disk string)) {
	t.Helper()
	const inside = "TEST_MOUNT_DISK"
	if os.Getenv(inside) != "" {
		disk := t.TempDir()
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=64k"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(disk, 0); err != nil {
				t.Error(err)
			}
		})
		test(t, disk)
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	said, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		skip.OrFail(t, "no user namespace here to mount a disk in: %v", err)
	}
	t.Logf("%s", said)
	if err != nil || !strings.Contains(string(said), "--- PASS: "+t.Name()) {
		t.Errorf("in its namespace: %v", err)
	}
}

// fill leaves no byte free on a disk.
func fill(t *testing.T, disk string) {
	t.Helper()
	file, err := os.Create(filepath.Join(disk, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for size := 4096; size > 0; {
		if _, err := file.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestCountsOnOnAFullDisk(t *testing.T) {
	ownDisk(t, func(t *testing.T, disk string) {
		count, err := Open(disk)
		if err != nil {
			t.Fatal(err)
		}
		fill(t, disk)
		for want := range uint64(100) {
			if n, err := count.Next(); n != want+1 || err != nil {
				t.Fatalf("got %d, %v, want %d", n, err, want+1)
			}
		}
		if err := count.Close(); err != nil {
			t.Fatal(err)
		}
		// The control: another file finds no room.
		if err := os.WriteFile(filepath.Join(disk, "other"), []byte("x"), 0o600); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("the disk is not full: %v", err)
		}
	})
}

func TestDoesNotStartOnAFullDisk(t *testing.T) {
	ownDisk(t, func(t *testing.T, disk string) {
		fill(t, disk)
		_, err := Open(disk)
		if !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v", err)
		}
		entries, err := os.ReadDir(disk)
		if err != nil || len(entries) != 1 {
			t.Errorf("left behind: %v, %v", entries, err)
		}
	})
}

func TestDoesNotStartOnAReadOnlyDisk(t *testing.T) {
	ownDisk(t, func(t *testing.T, disk string) {
		count, err := Open(disk)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := count.Next(); err != nil {
			t.Fatal(err)
		}
		if err := count.Close(); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(disk); !errors.Is(err, syscall.EROFS) || !strings.Contains(err.Error(), FileName) {
			t.Errorf("got %v", err)
		}
		if record, err := os.ReadFile(filepath.Join(disk, FileName)); string(record) != string(encode(1)) {
			t.Errorf("the record is %q, %v", record, err)
		}
	})
}
