// Package systemd is a service's side of systemd's protocols: the listening sockets
// that it passes (sd_listen_fds(3)), what a service reports (sd_notify(3)), and log
// lines for the journal (sd-daemon(3)).
package systemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/coreos/go-systemd/v22/activation"
	"golang.org/x/sys/unix"
)

// Activated reports whether the environment claims that sockets were passed.
// [Listeners] checks the claim.
func Activated() bool {
	_, pid := os.LookupEnv("LISTEN_PID")
	_, fds := os.LookupEnv("LISTEN_FDS")
	return pid || fds
}

// Listeners returns the listening stream sockets that were passed, at least one, in
// the order of the socket unit, and removes the LISTEN_ variables from the
// environment. It fails if a variable is wrong, or if anything else was passed than
// listening stream sockets.
func Listeners() ([]net.Listener, error) {
	passed, err := count(os.Getenv("LISTEN_PID"), os.Getenv("LISTEN_FDS"), os.Getpid())
	if err != nil {
		return nil, err
	}
	defer os.Unsetenv("LISTEN_PIDFDID")
	// Checking the last one first avoids creating a file for each of a wrong number.
	if _, err := unix.FcntlInt(uintptr(firstFD+passed-1), unix.F_GETFD, 0); err != nil {
		return nil, fmt.Errorf("$LISTEN_FDS is %d, but file descriptor %d is not open: %w", passed, firstFD+passed-1, err)
	}
	return listeners(activation.Files(true))
}

// firstFD is SD_LISTEN_FDS_START.
const firstFD = 3

// maxSockets bounds $LISTEN_FDS: no socket unit is that long.
const maxSockets = 4096

// count returns an error where go-systemd would silently return no sockets.
func count(pid, fds string, self int) (int, error) {
	if pid == "" && fds == "" {
		return 0, errors.New("no sockets were passed ($LISTEN_FDS is not set): start the service through its systemd socket unit")
	}
	if number, err := strconv.Atoi(pid); err != nil || number <= 0 {
		return 0, fmt.Errorf("$LISTEN_PID is %q, not a process number: the service manager sets it together with $LISTEN_FDS", pid)
	} else if number != self {
		return 0, fmt.Errorf("$LISTEN_PID is %d, but this is process %d: the sockets belong to another process, whose environment was inherited; unset LISTEN_PID and LISTEN_FDS, or start this process without one in between", number, self)
	}
	number, err := strconv.Atoi(fds)
	if err != nil || number < 1 || number > maxSockets {
		return 0, fmt.Errorf("$LISTEN_FDS is %q, not a number from 1 to %d: the socket unit must pass a listening socket", fds, maxSockets)
	}
	return number, nil
}

// listener makes a listener of a listening stream socket, and of nothing else:
// net would take a connection too, which Accept=yes in a socket unit passes.
func listener(file *os.File) (net.Listener, error) {
	for _, want := range []struct {
		option, value int
		hint          string
	}{
		{unix.SO_TYPE, unix.SOCK_STREAM, "a socket unit needs ListenStream="},
		{unix.SO_ACCEPTCONN, 1, "it does not listen; a socket unit needs ListenStream= and Accept=no"},
	} {
		value, err := unix.GetsockoptInt(int(file.Fd()), unix.SOL_SOCKET, want.option)
		if err != nil {
			return nil, os.NewSyscallError("getsockopt", err)
		}
		if value != want.value {
			return nil, errors.New(want.hint)
		}
	}
	return net.FileListener(file)
}

func listeners(files []*os.File) (_ []net.Listener, err error) {
	var listeners []net.Listener
	defer func() {
		// Each listener has a descriptor of its own.
		for _, file := range files {
			file.Close()
		}
		if err != nil {
			for _, listener := range listeners {
				listener.Close()
			}
		}
	}()
	for i, file := range files {
		listener, err := listener(file)
		if err != nil {
			return nil, fmt.Errorf("file descriptor %d passed by the service manager (%s) is not a listening stream socket: %w", firstFD+i, file.Name(), err)
		}
		if unix, ok := listener.(*net.UnixListener); ok {
			// The path belongs to the service manager, which listens on.
			unix.SetUnlinkOnClose(false)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}
