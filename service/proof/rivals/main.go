// Rivals are the servers that the service is compared with, each by its name on the
// command line.
package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"example.org/portable-walkthrough-go/service/counter"
	"example.org/portable-walkthrough-go/service/systemd"
)

func main() {
	rival, known := map[string]func() error{"shutdown": shutdown, "nethttp": netHTTP, "nohttp": noHTTP, "racy": racy}[os.Args[len(os.Args)-1]]
	if !known {
		rival = func() error { return fmt.Errorf("no rival %q", os.Args[1:]) }
	}
	if err := rival(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// netHTTP counts nothing: the most that a server with net/http can do.
func netHTTP() error {
	listeners, err := systemd.Listeners()
	if err != nil {
		return err
	}
	hello := []byte("Hello! You are visitor #1!\n")
	return http.Serve(listeners[0], http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(hello) }))
}

// noHTTP counts durably with one thread, one connection at a time and blocking system
// calls. An answer cannot take less time on this machine.
func noHTTP() error {
	runtime.LockOSThread()
	file, err := os.Create(filepath.Join(os.Getenv("STATE_DIRECTORY"), "counter"))
	if err != nil {
		return err
	}
	const listener = 3 // SD_LISTEN_FDS_START of sd_listen_fds(3)
	request := make([]byte, 4096)
	for count := 0; ; {
		// The listener does not block, but connections that it accepts do.
		if _, err := unix.Poll([]unix.PollFd{{Fd: listener, Events: unix.POLLIN}}, -1); err != nil {
			continue
		}
		conn, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC)
		for err == nil {
			var n int
			if n, err = unix.Read(conn, request); err != nil || !bytes.HasSuffix(request[:n], []byte("\r\n\r\n")) {
				break
			}
			count++
			if _, err := unix.Pwrite(int(file.Fd()), fmt.Appendf(nil, "%050d\n", count), 0); err != nil {
				return err
			}
			if err := unix.Fdatasync(int(file.Fd())); err != nil {
				return err
			}
			body := fmt.Sprintf("Hello! You are visitor #%d!\n", count)
			_, err = unix.Write(conn, fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		}
		unix.Close(conn)
	}
}

// racy has a data race, which the race detector must see.
func racy() error {
	var both sync.WaitGroup
	count := 0
	for range 2 {
		both.Go(func() { count++ })
	}
	both.Wait()
	fmt.Println(count)
	return nil
}

const idleTimeout = 8 * time.Millisecond

// thoughtful does a millisecond of work with each connection before net/http knows it, as a service
// that looks its client up. Without that, a request is lost only if two threads meet within
// microseconds, which hardly ever happens on one processor.
type thoughtful struct{ net.Listener }

func (l thoughtful) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	time.Sleep(time.Millisecond)
	return conn, err
}

// shutdown exits on idle in the usual way, which loses requests: by a timer that
// connections stop, and http.Server.Shutdown.
func shutdown() error {
	listeners, err := systemd.Listeners()
	if err != nil {
		return err
	}
	count, err := counter.OpenState()
	if err != nil {
		return err
	}
	// The connection that activates it starts the timer: on a slow machine a timer from the start on
	// would end each life before that connection is accepted.
	timer := time.NewTimer(time.Hour)
	timer.Stop()
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	server := &http.Server{
		Handler:           counter.Handler(count.Next),
		ReadHeaderTimeout: 10 * time.Second,
		ConnState: func(conn net.Conn, state http.ConnState) {
			mu.Lock()
			defer mu.Unlock()
			if state == http.StateNew || state == http.StateActive {
				open[conn] = true
				timer.Stop()
			} else if delete(open, conn); len(open) == 0 {
				timer.Reset(idleTimeout)
			}
		},
	}
	for _, listener := range listeners {
		go func() { _ = server.Serve(thoughtful{listener}) }()
	}
	if err := systemd.Notify(systemd.Ready); err != nil {
		return err
	}
	<-timer.C
	if err := server.Shutdown(context.Background()); err != nil {
		return err
	}
	return count.Close()
}
