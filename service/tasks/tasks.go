// Package tasks lets a Go program live within the few tasks, which are threads too,
// that systemd may allow it (TasksMax= in systemd.resource-control(5)). The profile
// "strict" of portable services allows four, and Go's runtime ends the program when
// it can't start a thread.
//
// The runtime has three, and starts one more for each system call that takes more
// than some 20 µs while there is other work. So such a program is started with
// GOMAXPROCS=1 in its environment, does without package os/signal, which takes three
// (package terminate takes none), and makes no system call that waits while there is
// one processor: what [syscall.RawSyscall] calls the runtime never replaces by a
// thread. Where there is room, [Spread] then takes all processors.
package tasks

import (
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// plenty is the number of tasks from which on nothing needs to be done. Under load
// a server with two processors was seen with ten threads.
const plenty = 64

// Scarce reports whether the cgroup of this process may have only few tasks
// (pids.max). A limit that can't be seen is none.
func Scarce() bool { return scarce(os.ReadFile) }

func scarce(readFile func(string) ([]byte, error)) bool {
	groups, err := readFile("/proc/self/cgroup")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(groups)) {
		// cgroups(7): number, controllers, path. Version 2 is "0::path".
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		root := "/sys/fs/cgroup"
		switch fields[1] {
		case "":
		case "pids":
			root += "/pids"
		default:
			continue
		}
		text, err := readFile(path.Join(root, fields[2], "pids.max"))
		if err != nil {
			continue
		}
		// It is "max" without a limit.
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && n < plenty {
			return true
		}
	}
	return false
}

// Spread takes all processors for a program that was started with GOMAXPROCS=1, unless
// tasks are scarce.
func Spread() {
	if os.Getenv("GOMAXPROCS") == "1" && !Scarce() {
		runtime.SetDefaultGOMAXPROCS()
	}
}
