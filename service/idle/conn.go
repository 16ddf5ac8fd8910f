package idle

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A conn is an accepted connection. It is open until Close, whether anything was
// ever sent on it or not.
type conn struct {
	net.Conn
	gate *gate

	mu     sync.Mutex
	kept   bool      // an answer was sent
	silent bool      // nothing was read since the last answer, or since the accept
	last   time.Time // reads end then, if set: the server drains
}

// Read takes one last look when the deadline is over. Package net fails then even if
// data is there, and closing a connection with unread data resets it, although the
// request came in time.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		if n = c.look(p); n > 0 {
			err = nil
		}
	}
	if n > 0 {
		c.mu.Lock()
		c.silent = false
		c.mu.Unlock()
	}
	return n, err
}

// look reads what is there, whatever the deadline, and returns how much that was.
func (c *conn) look(p []byte) (n int) {
	socket, ok := c.Conn.(syscall.Conn)
	if !ok {
		return 0
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return 0
	}
	_ = raw.Control(func(fd uintptr) { n, _, _ = unix.Recvfrom(int(fd), p, unix.MSG_DONTWAIT) })
	return max(0, n)
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

// CloseWrite lets net/http end its side before it closes.
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
