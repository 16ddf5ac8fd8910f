package suite

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// withoutCgroups is the first tested version whose systemd-analyze works on a machine without
// control groups.
const withoutCgroups = 252

// hasCgroups reports whether this process sees a file system of control groups. It does not in
// Bazel's sandbox without network, which mounts /sys again for the network namespace.
func hasCgroups() bool {
	for _, name := range []string{"cgroup.controllers", "systemd"} {
		if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", name)); err == nil {
			return true
		}
	}
	return false
}

// withCgroups makes a command run in new namespaces (cgroup_namespaces(7), user_namespaces(7)),
// where the suite's mount(8) mounts the machine's control groups, read-only.
func (r *Root) withCgroups(cmd *exec.Cmd) {
	const script = `mount() { "$loader" --library-path "$libraries" "$program" "$@"; }
mount -t cgroup2 cgroup2 /sys/fs/cgroup && mount -o remount,bind,ro /sys/fs/cgroup && exec "$@"`
	cmd.Env = append(cmd.Env, "loader="+r.loader, "libraries="+strings.Join(r.Libraries(), ":"), "program="+filepath.Join(r.Dir, "usr/bin/mount"))
	cmd.Args = append([]string{"sh", "-c", script, "sh", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = "/bin/sh"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWCGROUP,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
}
