package idle

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// pipes is a listener in memory, whose connections and deadlines obey the fake
// clock of testing/synctest.
type pipes struct {
	queue chan net.Conn
	set   chan time.Time
}

func listen() *pipes {
	return &pipes{queue: make(chan net.Conn, 16), set: make(chan time.Time, 16)}
}

// Accept prefers the deadline: one that is over returns before the queue is looked
// at, as in package net.
func (p *pipes) Accept() (net.Conn, error) {
	for {
		select {
		case t := <-p.set:
			if !t.IsZero() {
				return nil, &net.OpError{Op: "accept", Net: "pipe", Err: os.ErrDeadlineExceeded}
			}
			continue
		default:
		}
		select {
		case conn := <-p.queue:
			return conn, nil
		case t := <-p.set:
			p.set <- t
		}
	}
}

func (p *pipes) SetDeadline(t time.Time) error { p.set <- t; return nil }
func (p *pipes) Close() error                  { return nil }
func (p *pipes) Addr() net.Addr                { return &net.UnixAddr{Name: "pipe", Net: "unix"} }

func (p *pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.queue <- theirs
	return ours
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }

// serve runs a server until it ends by itself, and returns how long that took.
func serve(t *testing.T, ctx context.Context, options Options, meanwhile func(*pipes, *Server)) time.Duration {
	t.Helper()
	start := time.Now()
	at := listen()
	server, err := New([]net.Listener{at}, http.HandlerFunc(hello), options)
	if err != nil {
		t.Fatal(err)
	}
	go meanwhile(at, server)
	if err := server.Run(ctx); err != nil {
		t.Error(err)
	}
	took := time.Since(start)
	synctest.Wait()
	return took
}

func ask(t *testing.T, conn net.Conn) string {
	t.Helper()
	if _, err := conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n")); err != nil {
		t.Error(err)
		return ""
	}
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Error(err)
	}
	return string(buffer[:n])
}

func TestAStartWithoutAnyConnectionGoesIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if took := serve(t, t.Context(), Options{Timeout: 30 * time.Second}, func(*pipes, *Server) {}); took != 30*time.Second {
			t.Errorf("took %v, want 30 s", took)
		}
	})
}

// Idleness runs from the last answer, not from the accept.
func TestIdlenessRunsFromTheLastAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := serve(t, t.Context(), Options{Timeout: 30 * time.Second}, func(at *pipes, _ *Server) {
			time.Sleep(20 * time.Second)
			conn := at.dial()
			time.Sleep(5 * time.Second)
			ask(t, conn)
			conn.Close()
		})
		if took != 55*time.Second {
			t.Errorf("took %v, want 25 s and then 30 s", took)
		}
	})
}

// A kept connection holds the service until its own time is over, and no longer.
func TestAKeptConnectionEndsWithTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := serve(t, t.Context(), Options{Timeout: 30 * time.Second}, func(at *pipes, _ *Server) { ask(t, at.dial()) })
		if took != 30*time.Second {
			t.Errorf("took %v, want 30 s", took)
		}
	})
}

// A silent connection counts as open, for as long as a header may take.
func TestASilentConnectionIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took := serve(t, t.Context(), Options{Timeout: time.Second}, func(at *pipes, _ *Server) { at.dial() })
		if took != 10*time.Second {
			t.Errorf("took %v, want the header's 10 s", took)
		}
	})
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		took := serve(t, ctx, Options{}, func(at *pipes, server *Server) {
			idle, busy := at.dial(), at.dial()
			ask(t, idle)
			if _, err := busy.Write([]byte("GET / HT")); err != nil {
				t.Error(err)
			}
			synctest.Wait()
			if open := server.Connections(); open != 2 {
				t.Errorf("%d connections open, want 2", open)
			}
			stop()
			time.Sleep(5 * time.Second)
			if open := server.Connections(); open != 1 {
				t.Errorf("%d connections open, want the one with half a request", open)
			}
			if _, err := busy.Write([]byte("TP/1.1\r\nHost: x\r\n\r\n")); err != nil {
				t.Error(err)
			}
			buffer := make([]byte, 4096)
			n, err := busy.Read(buffer)
			if answer := string(buffer[:n]); err != nil || !strings.Contains(answer, "Connection: close") {
				t.Errorf("got %q, %v, want an answer that says it was the last", answer, err)
			}
		})
		if took != 5*time.Second {
			t.Errorf("took %v, want 5 s", took)
		}
	})
}

// What does not end is cut off.
func TestDrainIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		took := serve(t, ctx, Options{HeaderTimeout: time.Hour}, func(at *pipes, _ *Server) {
			at.dial()
			synctest.Wait()
			stop()
		})
		if took != 20*time.Second {
			t.Errorf("took %v, want 20 s", took)
		}
	})
}

// With as many connections as may be, the next one waits in the queue.
func TestMaxConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		serve(t, ctx, Options{MaxConnections: 2}, func(at *pipes, server *Server) {
			defer stop()
			first := at.dial()
			at.dial()
			third := at.dial()
			synctest.Wait()
			if open := server.Connections(); open != 2 {
				t.Errorf("%d connections open, want 2", open)
			}
			if err := server.Ping(); err != nil {
				t.Errorf("a full server is alive: %v", err)
			}
			first.Close()
			if answer := ask(t, third); !strings.Contains(answer, "hello") {
				t.Errorf("got %q", answer)
			}
		})
	})
}

// An accept loop that does not come by is seen.
func TestPingSeesAStuckLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck := &stuck{release: make(chan struct{})}
		server, err := New([]net.Listener{stuck}, http.HandlerFunc(hello), Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- server.Run(ctx) }()
		synctest.Wait()
		if err := server.Ping(); err == nil {
			t.Error("nothing was noticed")
		}
		stop()
		synctest.Wait()
		close(stuck.release)
		<-ended
	})
}

// stuck is a listener whose Accept ignores deadlines.
type stuck struct {
	pipes
	release chan struct{}
}

func (s *stuck) Accept() (net.Conn, error) {
	<-s.release
	return nil, errors.New("closed")
}

func (s *stuck) SetDeadline(time.Time) error { return nil }

func TestListenerWithoutDeadline(t *testing.T) {
	_, err := New([]net.Listener{struct{ net.Listener }{listen()}}, nil, Options{})
	if err == nil || !strings.Contains(err.Error(), "SetDeadline") {
		t.Errorf("got %v", err)
	}
}

// Full, the accept loops wait, and do not wake each other over and over: then the
// bubble would never come to rest.
func TestFullWithTwoListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := listen(), listen()
		server, err := New([]net.Listener{first, second}, http.HandlerFunc(hello), Options{MaxConnections: 2})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- server.Run(ctx) }()
		one, other := first.dial(), second.dial()
		synctest.Wait()
		if err := server.Ping(); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		one.Close()
		if answer := ask(t, second.dial()); !strings.Contains(answer, "hello") {
			t.Errorf("got %q", answer)
		}
		other.Close()
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// late is a listener whose Accept ignores deadlines, as accept4(2) does on a socket
// that blocks, and returns a connection when that comes.
type late struct {
	*pipes
}

func (l late) Accept() (net.Conn, error) {
	if conn, more := <-l.queue; more {
		return conn, nil
	}
	return nil, errors.New("closed")
}

func (l late) SetDeadline(time.Time) error { return nil }

// A connection that is accepted while the server drains is answered.
func TestDrainWaitsForALateAccept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := late{listen()}
		server, err := New([]net.Listener{at}, http.HandlerFunc(hello), Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- server.Run(ctx) }()
		synctest.Wait()
		stop()
		time.Sleep(5 * time.Second)
		if answer := ask(t, at.dial()); !strings.Contains(answer, "hello") {
			t.Errorf("got %q", answer)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if open := server.Connections(); open != 0 {
			t.Errorf("%d connections open after the end", open)
		}
	})
}

// An accept loop that never ends does not hold up the end for ever.
func TestDrainIsBoundedWithAStuckLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		at := late{listen()}
		server, err := New([]net.Listener{at}, http.HandlerFunc(hello), Options{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		start := time.Now().Add(time.Second)
		if err := server.Run(ctx); err == nil || !strings.Contains(err.Error(), "does not end") {
			t.Errorf("got %v", err)
		}
		if took := time.Since(start); took != 20*time.Second {
			t.Errorf("took %v, want 20 s", took)
		}
		close(at.queue)
	})
}

// A request that came in time is read although the deadline is over. Package net's
// own connection, the control, does not.
func TestTheLastLook(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	plain, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGate([]net.Listener{listener}, 1)
	if err != nil {
		t.Fatal(err)
	}
	conn := g.admit(plain)
	defer conn.Close()
	if _, err := client.Write([]byte("hi")); err != nil {
		t.Fatal(err)
	}
	// It is there when the socket can be read.
	if err := conn.raw.Read(func(fd uintptr) bool {
		n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		return n > 0
	}); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(past); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 16)
	if n, err := plain.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("package net read %q, %v: the control proves nothing", buffer[:n], err)
	}
	if n, err := conn.Read(buffer); string(buffer[:n]) != "hi" || err != nil {
		t.Errorf("got %q, %v", buffer[:n], err)
	}
	if n, err := conn.Read(buffer); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("got %q, %v where nothing is left", buffer[:n], err)
	}
}
