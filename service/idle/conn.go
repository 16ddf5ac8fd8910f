package idle

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A conn is an accepted connection. It is open until Close, whether anything was
// ever sent on it or not.
type conn struct {
	net.Conn
	gate *gate
	raw  syscall.RawConn

	mu     sync.Mutex
	kept   bool      // an answer was sent
	silent bool      // nothing was read since the last answer, or since the accept
	last   time.Time // reads end then, if set: the server drains
}

func newConn(accepted net.Conn, g *gate) *conn {
	c := &conn{Conn: accepted, gate: g, silent: true}
	if socket, ok := accepted.(syscall.Conn); ok {
		c.raw, _ = socket.SyscallConn()
	}
	return c
}

// Read takes one last look when the deadline is over. Package net fails then even
// if data lies ready, and to close with unread data would reset the connection
// under a request that came in time.
func (c *conn) Read(p []byte) (n int, err error) {
	if c.raw == nil {
		n, err = c.Conn.Read(p)
	} else {
		n, err = transfer(unix.SYS_READ, p, c.raw.Read)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			n, err = c.look(p, err)
		}
		if n == 0 && err == nil && len(p) > 0 {
			err = io.EOF
		}
	}
	if n > 0 {
		c.mu.Lock()
		c.silent = false
		c.mu.Unlock()
	}
	return n, err
}

// look reads what lies ready, whatever the deadline; if nothing does it returns
// the error otherwise.
func (c *conn) look(p []byte, otherwise error) (int, error) {
	n, err := transfer(unix.SYS_READ, p, func(try func(fd uintptr) bool) error {
		return c.raw.Control(func(fd uintptr) { try(fd) })
	})
	if n == 0 || err != nil {
		return 0, otherwise
	}
	return n, nil
}

// Write writes all of p, or returns an error.
func (c *conn) Write(p []byte) (n int, err error) {
	if c.raw == nil {
		return c.Conn.Write(p)
	}
	for n < len(p) {
		written, err := transfer(unix.SYS_WRITE, p[n:], c.raw.Write)
		if err != nil {
			return n, err
		}
		n += written
	}
	return n, nil
}

// transfer calls read(2) or write(2) when it can be done at once: the socket does
// not block. A raw call is one that the runtime never gives a thread of its own to
// go on meanwhile; see package tasks.
func transfer(number uintptr, p []byte, when func(try func(fd uintptr) bool) error) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	var n uintptr
	var errno syscall.Errno
	err := when(func(fd uintptr) bool {
		for {
			n, _, errno = unix.RawSyscall(number, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
			if errno != unix.EINTR {
				return errno != unix.EAGAIN
			}
		}
	})
	switch {
	case err != nil:
		return 0, err
	case errno != 0:
		return 0, errno
	}
	return int(n), nil
}

// SetReadDeadline sets an earlier deadline when the server drains and waits for
// nothing but a further request.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.last.IsZero() && c.kept && c.silent && (t.IsZero() || t.After(c.last)) {
		t = c.last
	}
	return c.Conn.SetReadDeadline(t)
}

// hurry ends the wait for a further request soon.
func (c *conn) hurry() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = time.Now().Add(drainGrace)
	if c.kept && c.silent {
		_ = c.Conn.SetReadDeadline(c.last)
	}
}

// answered notes that a request was answered and the next one is waited for.
func (c *conn) answered() {
	c.mu.Lock()
	c.kept, c.silent = true, true
	c.mu.Unlock()
	c.gate.noteAnswer()
}

// CloseWrite lets net/http say goodbye before it closes.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close closes the connection and makes it count as open no longer.
func (c *conn) Close() error {
	err := c.Conn.Close()
	c.mu.Lock()
	answered := !c.silent
	c.mu.Unlock()
	c.gate.release(c, answered)
	return err
}
