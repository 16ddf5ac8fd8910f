package idle

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
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

func (p *pipes) dial(*testing.T) net.Conn {
	ours, theirs := net.Pipe()
	p.queue <- theirs
	return ours
}

// sockets is a listener of package net.
type sockets struct{ net.Listener }

func listenSockets(t *testing.T, network, address string) sockets {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return sockets{listener}
}

func (s sockets) SetDeadline(at time.Time) error { return s.Listener.(stoppable).SetDeadline(at) }

func (s sockets) SyscallConn() (syscall.RawConn, error) {
	return s.Listener.(syscall.Conn).SyscallConn()
}

func (s sockets) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial(s.Addr().Network(), s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func hello(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) }

// A world is a running server with two listeners: pipes and a fake clock, where times
// are exact, or sockets, where they are lower bounds, since the machine may be slow.
type world struct {
	*testing.T
	server    *Server
	listeners []interface{ dial(*testing.T) net.Conn }
	stop      context.CancelFunc
	fake      bool
	from      time.Time // when the time in question began
}

// open waits until n connections are open.
func (w *world) open(n int) { w.Helper(); w.between(n, n) }

// between waits until from least to most connections are open.
func (w *world) between(least, most int) {
	w.Helper()
	for {
		open := w.server.Connections()
		if least <= open && open <= most {
			return
		}
		if w.fake {
			synctest.Wait()
			if open := w.server.Connections(); open < least || open > most {
				w.Errorf("%d connections open, want %d to %d", open, least, most)
			}
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// pass lets time pass where that costs none.
func (w *world) pass(d time.Duration) {
	if w.fake {
		time.Sleep(d)
	}
}

func (w *world) ask(conn net.Conn) {
	w.Helper()
	w.from = time.Now() // The server answers later than this.
	w.send(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	w.answered(conn, "hello")
}

func (w *world) send(conn net.Conn, text string) {
	w.Helper()
	if _, err := conn.Write([]byte(text)); err != nil {
		w.Error(err)
	}
}

func (w *world) answered(conn net.Conn, want string) {
	w.Helper()
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil || !strings.Contains(string(buffer[:n]), want) {
		w.Errorf("got %q, %v, want %q", buffer[:n], err, want)
	}
	if w.fake {
		w.from = time.Now()
	}
}

// cases are what happens to a server. dials connections wait before it runs. It ends
// by itself, some time after its start or after the last answer.
var cases = map[string]struct {
	options   Options
	dials     int
	meanwhile func(w *world, conns []net.Conn)
	took      time.Duration // from w.from
	fakeOnly  bool          // on sockets, a slow machine would miss a limit
}{
	"a start without any connection goes idle": {
		options: Options{Timeout: 2 * time.Second}, took: 2 * time.Second,
	},
	"idleness runs from the last answer, not from the accept": {
		options: Options{Timeout: 2 * time.Second, HeaderTimeout: time.Hour}, took: 2 * time.Second, dials: 1,
		meanwhile: func(w *world, conns []net.Conn) {
			w.pass(1500 * time.Millisecond)
			w.ask(conns[0])
			conns[0].Close()
		},
	},
	"a kept connection ends with the time-out": {
		options: Options{Timeout: 2 * time.Second, HeaderTimeout: time.Hour}, took: 2 * time.Second, dials: 1,
		meanwhile: func(w *world, conns []net.Conn) { w.ask(conns[0]) },
	},
	"a silent connection counts as open for as long as a header may take": {
		options: Options{Timeout: time.Second, HeaderTimeout: 3 * time.Second}, took: 3 * time.Second, dials: 1,
	},
	// TestGarbage of package proof sends such a request on a socket, with longer limits.
	"a request whose body never comes is answered": {
		options: Options{Timeout: 100 * time.Millisecond, HeaderTimeout: time.Second}, dials: 1, fakeOnly: true,
		meanwhile: func(w *world, conns []net.Conn) {
			w.send(conns[0], "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
			w.answered(conns[0], "Connection: close")
			conns[0].Close()
		},
		took: 100 * time.Millisecond,
	},
	"draining ends kept connections and waits for half a request": {
		dials: 2, options: Options{HeaderTimeout: time.Hour, DrainTimeout: time.Hour},
		meanwhile: func(w *world, conns []net.Conn) {
			w.ask(conns[0])
			w.send(conns[1], "GET / HT")
			w.open(2)
			w.stop()
			w.pass(5 * time.Second)
			w.open(1)
			w.send(conns[1], "TP/1.1\r\nHost: x\r\n\r\n")
			w.answered(conns[1], "Connection: close")
		},
	},
	"draining cuts off what does not end": {
		dials: 1, options: Options{HeaderTimeout: time.Hour, DrainTimeout: 5 * time.Second},
		meanwhile: func(w *world, _ []net.Conn) {
			w.open(1)
			w.from = time.Now()
			w.stop()
		},
		took: 5 * time.Second,
	},
	// The accept loops wait, and do not wake each other over and over: then a fake clock
	// would never go on.
	"with as many connections as allowed the next one waits in its queue": {
		dials: 4, options: Options{HeaderTimeout: time.Hour, DrainTimeout: time.Hour, MaxConnections: 2},
		meanwhile: func(w *world, conns []net.Conn) {
			// Each of the two loops may be accepting while the other fills the server.
			w.between(2, 3)
			// On a slow machine a loop may miss Ping's limit, but not each time.
			err := w.server.Ping()
			for tries := 1; err != nil && !w.fake && tries < 100; tries++ {
				err = w.server.Ping()
			}
			if err != nil {
				w.Errorf("a full server is alive: %v", err)
			}
			for _, conn := range conns { // All are answered when others end.
				go func() {
					defer conn.Close()
					_, _ = conn.Write([]byte("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
				}()
			}
			for _, conn := range conns {
				_, _ = conn.Read(make([]byte, 1))
			}
			w.stop()
		},
	},
}

// socketPath is where a Unix socket may lie. It has at most 107 bytes, which the name of
// a test in t.TempDir() may exceed.
func socketPath(t *testing.T) string {
	directory, err := os.MkdirTemp("", "idle")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	return filepath.Join(directory, "s")
}

// play runs a case on two listeners.
func play(t *testing.T, name string, fake bool) {
	test := cases[name]
	w := &world{T: t, fake: fake}
	var listeners []net.Listener
	if fake {
		one, other := listen(), listen()
		listeners = []net.Listener{one, other}
		w.listeners = append(w.listeners, one, other)
	} else {
		one, other := listenSockets(t, "tcp", "127.0.0.1:0"), listenSockets(t, "unix", socketPath(t))
		listeners = []net.Listener{one, other}
		w.listeners = append(w.listeners, one, other)
	}
	var err error
	if w.server, err = New(listeners, http.HandlerFunc(hello), test.options); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	w.stop = stop
	// Before the server runs: it does not go idle while a connection waits.
	var conns []net.Conn
	for i := range test.dials {
		conns = append(conns, w.listeners[i%2].dial(t))
	}
	w.from = time.Now()
	acted := make(chan struct{})
	go func() {
		defer close(acted)
		if test.meanwhile != nil {
			test.meanwhile(w, conns)
		}
	}()
	if err := w.server.Run(ctx); err != nil {
		t.Error(err)
	}
	<-acted
	if took := time.Since(w.from); took < test.took || fake && took != test.took {
		t.Errorf("took %v, want %v", took, test.took)
	}
	if open := w.server.Connections(); open != 0 {
		t.Errorf("%d connections open after the end", open)
	}
}

func TestWithAFakeClock(t *testing.T) {
	for name := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { play(t, name, true) })
		})
	}
}

func TestOnSockets(t *testing.T) {
	for name, test := range cases {
		if test.fakeOnly {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, name, false)
		})
	}
}

// A connection that waits in the queue of a parked listener keeps the server from
// ending; without one, the control, it ends.
func TestAQueuedConnectionKeepsTheServer(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		for _, queued := range []bool{true, false} {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = socketPath(t)
			}
			at := listenSockets(t, network, address)
			g, err := newGate([]net.Listener{at}, 1)
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = g.listeners[0].Accept()
			}()
			for !g.park(time.Second) {
			}
			if queued {
				at.dial(t)
				// The client's end is open before the kernel has put the server's into the queue.
				for !g.readable() {
					time.Sleep(time.Millisecond)
				}
			}
			if ended := g.closeIfEmpty(); ended == queued {
				t.Errorf("%s: queued %v, ended %v", network, queued, ended)
			}
			g.unpark()
		}
	}
}

func TestListenerWithoutDeadline(t *testing.T) {
	_, err := New([]net.Listener{struct{ net.Listener }{listen()}}, nil, Options{})
	if err == nil || !strings.Contains(err.Error(), "SetDeadline") {
		t.Errorf("got %v", err)
	}
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
		if err := server.Ping(); err == nil {
			t.Error("a watchdog would not see the accept loop that does not stop")
		}
		stop()
		time.Sleep(5 * time.Second)
		(&world{T: t}).ask(at.dial(t))
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
	raw, err := plain.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Read(func(fd uintptr) bool {
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
