// Package meter counts the bytes that pass between clients and a server: a proxy for TCP,
// so that headers and frames count, whatever the protocol.
package meter

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// A Meter passes connections on until it is closed.
type Meter struct {
	// Address is where it listens, "127.0.0.1:PORT".
	Address string

	server   string
	listener net.Listener
	up, down atomic.Int64

	mu    sync.Mutex
	conns map[net.Conn]bool
	done  sync.WaitGroup
}

// Start starts a meter before the server at an address "HOST:PORT".
func Start(server string) (*Meter, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &Meter{
		Address:  listener.Addr().String(),
		server:   server,
		listener: listener,
		conns:    make(map[net.Conn]bool),
	}
	m.done.Go(m.accept)
	return m, nil
}

// Up is how many bytes went to the server.
func (m *Meter) Up() int64 { return m.up.Load() }

// Down is how many bytes came from the server.
func (m *Meter) Down() int64 { return m.down.Load() }

// Close ends all connections, and waits for that.
func (m *Meter) Close() error {
	err := m.listener.Close()
	m.mu.Lock()
	for conn := range m.conns {
		err = errors.Join(err, ignoreClosed(conn.Close()))
	}
	m.conns = nil
	m.mu.Unlock()
	m.done.Wait()
	return err
}

func (m *Meter) accept() {
	for {
		client, err := m.listener.Accept()
		if err != nil {
			return
		}
		m.done.Go(func() { m.pass(client) })
	}
}

func (m *Meter) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", m.server)
	if err != nil {
		// The client sees its connection closed, as it would without a meter.
		return
	}
	defer server.Close()
	if !m.keep(client, server) {
		return
	}
	defer m.forget(client, server)
	var both sync.WaitGroup
	both.Go(func() { count(server, client, &m.up) })
	both.Go(func() { count(client, server, &m.down) })
	both.Wait()
}

// keep is false if the meter is closed.
func (m *Meter) keep(conns ...net.Conn) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conns == nil {
		return false
	}
	for _, conn := range conns {
		m.conns[conn] = true
	}
	return true
}

func (m *Meter) forget(conns ...net.Conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, conn := range conns {
		delete(m.conns, conn)
	}
}

// count copies until one side ends, and tells the other one.
func count(to, from net.Conn, n *atomic.Int64) {
	_, err := io.Copy(counter{to, n}, from)
	if err != nil {
		to.Close()
		from.Close()
		return
	}
	_ = to.(*net.TCPConn).CloseWrite()
}

type counter struct {
	io.Writer
	n *atomic.Int64
}

func (c counter) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}

func ignoreClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
