// Package tasks lets a Go program live within the few tasks, which are threads too,
// that systemd may allow it (TasksMax= in systemd.resource-control(5)). The profile
// "strict" of portable services allows four, and Go's runtime ends the program when
// it can't start a thread.
//
// It starts one for each system call that takes more than some 20 µs while there is
// other work, and two for package os/signal. So, where tasks are scarce: one
// processor, no os/signal, and no system call that waits. The last is up to the
// program: what [syscall.RawSyscall] calls the runtime never replaces by a thread.
package tasks

import (
	"context"
	"os"
	"os/signal"
	"path"
	"runtime"
	"strconv"
	"strings"
	"syscall"
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

// Adapt is to be called first in a program that is started with GOMAXPROCS=1 in its
// environment, so that not even the start needs many threads. If tasks are not
// scarce it takes all processors.
//
// It returns a context that is done when SIGTERM or SIGINT comes. More of them do
// nothing: what is being answered is answered. Where tasks are scarce the context
// is never done: these signals then end the program at once.
func Adapt(parent context.Context, scarce bool) context.Context {
	if scarce {
		runtime.GOMAXPROCS(1)
		return parent
	}
	if os.Getenv("GOMAXPROCS") == "1" {
		runtime.SetDefaultGOMAXPROCS()
	}
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		cancel()
	}()
	return ctx
}
