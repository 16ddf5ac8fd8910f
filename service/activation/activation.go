// Package activation takes over the listening sockets that the service manager
// hands to a socket-activated service (sd_listen_fds(3)).
package activation

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// ErrNoSockets means that the service was not socket-activated.
var ErrNoSockets = errors.New("no sockets were passed: start it through its systemd socket unit, or by hand with systemd-socket-activate -l 8088 PROGRAM")

// Listeners returns the listening stream sockets that were passed, in the order
// of the socket unit, and takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of
// the environment. There is at least one; anything passed that is no listening
// stream socket is an error.
func Listeners() ([]net.Listener, error) {
	return listeners(activation.Files(true))
}

// listener makes a listener of a listening stream socket, and of nothing else:
// net would take a connection too, which Accept=yes in a socket unit passes.
func listener(file *os.File) (net.Listener, error) {
	listening, err := syscall.GetsockoptInt(int(file.Fd()), syscall.SOL_SOCKET, syscall.SO_ACCEPTCONN)
	if err != nil {
		return nil, os.NewSyscallError("getsockopt", err)
	}
	if listening == 0 {
		return nil, errors.New("it does not listen; a socket unit needs ListenStream= and Accept=no")
	}
	return net.FileListener(file)
}

func listeners(files []*os.File) (_ []net.Listener, err error) {
	if len(files) == 0 {
		return nil, ErrNoSockets
	}
	var listeners []net.Listener
	defer func() {
		// Listeners have their own descriptors.
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
			return nil, fmt.Errorf("socket %d passed by the service manager (%s) is no listening stream socket: %w", i, file.Name(), err)
		}
		if unix, ok := listener.(*net.UnixListener); ok {
			// The path belongs to the service manager, which listens on.
			unix.SetUnlinkOnClose(false)
		}
		listeners = append(listeners, listener)
	}
	return listeners, nil
}
