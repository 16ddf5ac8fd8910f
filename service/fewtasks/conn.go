package fewtasks

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Conn returns a connection that reads and writes by raw system calls, which cannot
// block because package net's sockets do not. Otherwise it behaves as c does, and
// fails with the same errors. A connection that is no socket is returned as it is.
func Conn(c net.Conn) net.Conn {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return c
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return c
	}
	return &conn{c, raw}
}

type conn struct {
	net.Conn
	raw syscall.RawConn
}

func (c *conn) SyscallConn() (syscall.RawConn, error) { return c.raw, nil }

func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := c.transfer("read", unix.SYS_READ, p, c.raw.Read)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

func (c *conn) Write(p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var written int
		written, err = c.transfer("write", unix.SYS_WRITE, p[n:], c.raw.Write)
		n += written
	}
	return n, err
}

// CloseWrite shuts down the sending side, if c can.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// transfer makes a system call on p when the socket is ready. It returns errors in
// package net's form, which net/http looks at.
func (c *conn) transfer(name string, number uintptr, p []byte, whenReady func(func(fd uintptr) bool) error) (int, error) {
	var n uintptr
	var errno syscall.Errno
	err := whenReady(func(fd uintptr) bool {
		for {
			n, _, errno = unix.RawSyscall(number, fd, uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
			if errno != unix.EINTR {
				return errno != unix.EAGAIN
			}
		}
	})
	if failed := (*net.OpError)(nil); errors.As(err, &failed) {
		err = failed.Err // Its Op is "raw-read" or "raw-write".
	}
	if err == nil && errno != 0 {
		err = os.NewSyscallError(name, errno)
	}
	if err != nil {
		return 0, &net.OpError{Op: name, Net: c.LocalAddr().Network(), Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
	}
	return int(n), nil
}
