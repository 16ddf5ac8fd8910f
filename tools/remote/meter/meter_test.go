package meter

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// server answers each byte of a request, read to its end, with three.
func server(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				request, _ := io.ReadAll(conn)
				_, _ = conn.Write(bytes.Repeat(request, 3))
			}()
		}
	}()
	return listener.Addr().String()
}

func TestCountsBothWays(t *testing.T) {
	m, err := Start(server(t))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	const clients, size = 3, 100_000
	for range clients {
		conn, err := net.Dial("tcp", m.Address)
		if err != nil {
			t.Fatal(err)
		}
		sent := bytes.Repeat([]byte("x"), size)
		if _, err := conn.Write(sent); err != nil {
			t.Fatal(err)
		}
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, bytes.Repeat(sent, 3)) {
			t.Errorf("%d bytes and %v, want %d", len(got), err, 3*size)
		}
		conn.Close()
	}
	if up, down := m.Up(), m.Down(); up != clients*size || down != 3*clients*size {
		t.Errorf("%d up and %d down, want %d and %d", up, down, clients*size, 3*clients*size)
	}
}

// Close comes back while clients are connected, and these are told.
func TestCloseEndsConnections(t *testing.T) {
	m, err := Start(server(t))
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", m.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("half a request")); err != nil {
		t.Fatal(err)
	}
	for m.Up() == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes and %v, want an end", n, err)
	}
}

// A server that is not there looks as it does without a meter: no answer.
func TestNoServer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	m, err := Start(address)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	conn, err := net.Dial("tcp", m.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got, _ := io.ReadAll(conn); len(got) > 0 {
		t.Errorf("got %q", got)
	}
}
