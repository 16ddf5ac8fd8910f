//go:build amd64 || arm64 || riscv64

package terminate

import (
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wake is the eventfd that handler writes to, and one is what it writes.
var (
	wake int32
	one  uint64 = 1
)

// handler is what the kernel calls on a signal, on the alternate stack that the
// runtime gives each of its threads. It may use nothing of Go's: it is write(2),
// which is allowed in a handler (signal-safety(7)), and no more.
func handler()

// handlerAddress is handler's own. Go code would get that of a wrapper.
func handlerAddress() uintptr

// events keeps the eventfd open as long as the process lives: a signal may come at
// any time.
var events *os.File

// catch makes handler the handler of signals. What it returns is closed when the
// first of them has come.
func catch(signals []syscall.Signal) (<-chan struct{}, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	events = os.NewFile(uintptr(fd), "eventfd")
	wake = int32(fd)
	for _, signal := range signals {
		var before sigaction
		if err := rtSigaction(signal, nil, &before); err != nil {
			return nil, err
		}
		if before.handler == sigIgn {
			continue
		}
		if err := rtSigaction(signal, newSigaction(), nil); err != nil {
			return nil, err
		}
	}
	came := make(chan struct{})
	go func() {
		if _, err := events.Read(make([]byte, 8)); err == nil {
			close(came)
		}
	}()
	return came, nil
}

// As in Linux's uapi/asm-generic/signal.h and signal-defs.h.
const (
	sigIgn    = 1          // the handler of an ignored signal
	saRestart = 0x10000000 // Go's system calls expect that.
	saOnStack = 0x08000000 // Goroutines' stacks are too small.
	allOfThem = ^uint64(0)
)

// rtSigaction is the system call of that name (sigaction(2)).
func rtSigaction(signal syscall.Signal, action, before *sigaction) error {
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(signal),
		uintptr(unsafe.Pointer(action)), uintptr(unsafe.Pointer(before)), unsafe.Sizeof(before.mask), 0, 0)
	if errno != 0 {
		return os.NewSyscallError("rt_sigaction", errno)
	}
	return nil
}
