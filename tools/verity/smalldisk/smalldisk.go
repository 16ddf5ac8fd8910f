// Package smalldisk gives tests a file system that can be full.
package smalldisk

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"example.org/portable-walkthrough-go/tools/skip"
)

// variable names the mount point, for the process in which the file system is mounted.
const variable = "SMALLDISK"

// Run calls test with an empty directory that has room for size bytes, such as "1m". That is
// in another process, since it needs a mount namespace: what comes before Run in the test is
// done in both. Without user namespaces the test is skipped, or fails where skip.Never
// is set.
func Run(t *testing.T, size string, test func(directory string)) {
	t.Helper()
	if directory := os.Getenv(variable); directory != "" {
		if err := syscall.Mount("tmpfs", directory, "tmpfs", 0, "size="+size); err != nil {
			t.Fatalf("mount: %v", err)
		}
		test(directory)
		return
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), variable+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	switch {
	case cmd.Process == nil:
		skip.OrFail(t, "no user namespaces: %v", err)
	case err != nil && strings.Contains(string(out), "mount: operation not permitted"):
		skip.OrFail(t, "no mounts in a user namespace: %s", out)
	case err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Fatalf("%v: %s", err, out)
	}
}
