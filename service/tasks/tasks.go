// Package tasks lets a Go program live within the few tasks, which are threads too,
// that systemd may allow it (TasksMax= in systemd.resource-control(5)). The profile
// "strict" of portable services allows four, and Go's runtime ends the program when
// it can't start a thread.
//
// The runtime has three, and starts one more for each system call that takes more
// than some 20 µs while there is other work. So such a program is started with
// GOMAXPROCS=1 in its environment, does without package os/signal, which takes three
// (package terminate takes none), and makes no system call that waits while there is
// one processor and may take long, as for sockets and the disk: what
// [syscall.RawSyscall] calls the runtime never replaces by a thread. For one that is
// slow unexpectedly there is the fourth. Where there is room, [SpreadSoon] then takes all
// processors.
package tasks

import (
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Scarce reports whether the cgroup of this process, or one above it, may have only
// few tasks (pids.max): less than 64, or four for each processor. Under load a
// server with two processors was seen with ten threads. A limit that can't be seen is
// none.
func Scarce() bool { return scarce(os.ReadFile, max(64, 4*runtime.NumCPU())) }

func scarce(readFile func(string) ([]byte, error), plenty int) bool {
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
		for group := path.Join("/", fields[2]); ; group = path.Dir(group) {
			text, err := readFile(path.Join(root, group, "pids.max"))
			// It is "max" without a limit.
			if n, notANumber := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && notANumber == nil && n < plenty {
				return true
			}
			if group == "/" {
				break
			}
		}
	}
	return false
}

// SpreadSoon takes all processors for a program that was started with GOMAXPROCS=1,
// unless tasks are scarce: some milliseconds from now, since that stops everything for
// a while, and the first visitor is waiting. The timer can be stopped.
func SpreadSoon() *time.Timer {
	return time.AfterFunc(10*time.Millisecond, func() {
		if os.Getenv("GOMAXPROCS") == "1" && !Scarce() {
			runtime.SetDefaultGOMAXPROCS()
		}
	})
}
