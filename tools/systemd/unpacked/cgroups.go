package unpacked

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// withoutCgroups is the first of our versions whose systemd-analyze reads units on a
// machine that shows no control groups.
const withoutCgroups = 252

// hasCgroups tells whether this process sees a file system of control groups. In Bazel's
// sandbox without network it does not: /sys is mounted anew for the network namespace.
func hasCgroups() bool {
	for _, name := range []string{"cgroup.controllers", "systemd"} {
		if _, err := os.Stat(filepath.Join("/sys/fs/cgroup", name)); err == nil {
			return true
		}
	}
	return false
}

// withCgroups gives a command the machine's control groups to look at, read-only, in
// namespaces of its own (cgroup_namespaces(7), user_namespaces(7)), by the suite's mount(8).
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
