// Least is the least that a server can do and count durably: one thread, one
// connection at a time, blocking system calls, no HTTP. How long an answer takes here
// is how long it must take on this machine, with this disk: the benchmark's floor.
package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	runtime.LockOSThread()
	file, err := os.Create(filepath.Join(os.Getenv("STATE_DIRECTORY"), "counter"))
	if err != nil {
		return err
	}
	const listener = 3 // SD_LISTEN_FDS_START of sd_listen_fds(3)
	for count := 0; ; {
		// It does not block, but what it accepts does.
		if _, err := unix.Poll([]unix.PollFd{{Fd: listener, Events: unix.POLLIN}}, -1); err != nil && err != unix.EINTR {
			return err
		}
		conn, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		if err == nil {
			count, err = serve(conn, int(file.Fd()), count)
		}
		if err != nil && err != unix.EAGAIN && err != unix.EINTR {
			return err
		}
	}
}

// serve answers requests until the client closes, and returns the new count.
func serve(conn, file, count int) (int, error) {
	defer unix.Close(conn)
	request := make([]byte, 4096)
	for {
		n, err := unix.Read(conn, request)
		if err != nil || n == 0 {
			return count, err
		}
		if !bytes.HasSuffix(request[:n], []byte("\r\n\r\n")) {
			return count, fmt.Errorf("got %q, not a request", request[:n])
		}
		count++
		if _, err := unix.Pwrite(file, fmt.Appendf(nil, "%050d\n", count), 0); err != nil {
			return count, err
		}
		if err := unix.Fdatasync(file); err != nil {
			return count, err
		}
		body := fmt.Sprintf("Hello! You are visitor #%d!\n", count)
		if _, err := unix.Write(conn, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)); err != nil {
			return count, err
		}
	}
}
