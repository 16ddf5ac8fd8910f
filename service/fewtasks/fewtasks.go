// Package fewtasks lets a Go program run within the few tasks (processes and
// threads) that systemd may allow it: TasksMax= in systemd.resource-control(5). The
// profile "strict" of portable services allows four, and Go's runtime ends the
// program when it cannot start a thread.
//
// The runtime needs three threads, and starts another one for a system call that
// takes more than some 20 µs while there is other work. So such a program starts
// with GOMAXPROCS=1 in its environment. Where tasks are scarce it leaves signals
// their default action ([OnSignal]), since package os/signal needs three threads,
// and its frequent system calls are raw ([Conn], [Sync]): the runtime does not
// start a thread in place of one that is in a raw call. Where tasks are not scarce,
// [SpreadSoon] takes all processors.
package fewtasks

import (
	"context"
	"os"
	"os/signal"
	"path"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Scarce reports whether the cgroup of this process, or one above it, limits tasks
// (pids.max) to fewer than 64 or fewer than four for each processor: a server with
// two processors was seen with ten threads under load. A limit that cannot be read
// counts as none. The answer is that of the first call.
var Scarce = sync.OnceValue(func() bool { return scarce(os.ReadFile, max(64, 4*runtime.NumCPU())) })

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

// OnSignal returns a context that is done when one of the signals comes. None of them
// ends the process, however many come. A signal that the parent process ignored stays ignored,
// such as SIGINT for a shell's background job. Where tasks are scarce the signals
// keep their default action and end the process at once.
func OnSignal(parent context.Context, signals ...os.Signal) context.Context {
	var caught []os.Signal
	for _, s := range signals {
		if !signal.Ignored(s) {
			caught = append(caught, s)
		}
	}
	// Without signals, NotifyContext would catch all.
	if len(caught) == 0 || Scarce() {
		return parent
	}
	ctx, _ := signal.NotifyContext(parent, caught...) // Until the process ends.
	return ctx
}

// SpreadSoon takes all processors for a program that was started with GOMAXPROCS=1,
// unless tasks are scarce. It does so some milliseconds from now, because the change
// stops everything for a moment and the first visitor is waiting. Stopping the timer
// prevents it.
func SpreadSoon() *time.Timer {
	return time.AfterFunc(10*time.Millisecond, func() {
		if os.Getenv("GOMAXPROCS") == "1" && !Scarce() {
			runtime.SetDefaultGOMAXPROCS()
		}
	})
}

// Sync is fdatasync(2): it waits until the file's data are on disk, and its size if
// that has changed. Only where tasks are scarce it is a raw call, which holds the
// only processor: elsewhere a slow disk would stop the whole program as soon as the
// runtime wants to stop it for a moment, to collect garbage for example.
func Sync(file *os.File) error { return fdatasync(file, Scarce()) }

func fdatasync(file *os.File, raw bool) error {
	call := unix.Syscall
	if raw {
		call = unix.RawSyscall
	}
	for {
		switch _, _, errno := call(unix.SYS_FDATASYNC, file.Fd(), 0, 0); errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return os.NewSyscallError("fdatasync", errno)
		}
	}
}
