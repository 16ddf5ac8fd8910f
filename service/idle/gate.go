package idle

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"example.org/portable-walkthrough-go/service/fewtasks"
)

// past is a deadline that is over. A listener with such a deadline returns before
// it asks the kernel, so the queue stays as it is.
var past = time.Unix(1, 0)

type phase int

const (
	accepting phase = iota
	parking         // accept loops are to wait at the gate
	closed          // accept loops are to end
)

// A gate is what accept loops pass before each accept, and where every accepted
// connection is known until it is closed.
type gate struct {
	listeners []listener
	max       int

	// empty gets a value when the last connection goes and quiet had counted it.
	empty chan struct{}

	mu       sync.Mutex
	changed  sync.Cond // phase, or less than max conns: accept loops wait for it
	arrived  sync.Cond // parked: park waits for it
	phase    phase
	parked   int // accept loops that wait
	conns    map[*conn]struct{}
	watched  bool      // empty is to get a value
	answered time.Time // the last answer, or the start
}

func newGate(listeners []net.Listener, limit int) (*gate, error) {
	g := &gate{
		max:      limit,
		empty:    make(chan struct{}, 1),
		conns:    make(map[*conn]struct{}),
		answered: time.Now(),
	}
	g.changed.L, g.arrived.L = &g.mu, &g.mu
	for _, l := range listeners {
		stoppable, ok := l.(stoppable)
		if !ok {
			return nil, fmt.Errorf("listener %v (%T) can't be made to stop accepting: it has no SetDeadline method", l.Addr(), l)
		}
		g.listeners = append(g.listeners, listener{stoppable, g})
	}
	return g, nil
}

type stoppable interface {
	net.Listener
	SetDeadline(time.Time) error
}

// A listener passes its gate before each accept.
type listener struct {
	stoppable
	gate *gate
}

// Accept returns http.ErrServerClosed when the gate is closed.
func (l *listener) Accept() (net.Conn, error) {
	for l.gate.pass() {
		accepted, err := l.stoppable.Accept()
		switch {
		case err == nil:
			return l.gate.admit(accepted), nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			// The gate is parking. net/http would treat it as temporary, and sleep.
		default:
			return nil, err
		}
	}
	return nil, http.ErrServerClosed
}

// pass waits until accept loops may accept; false means never again.
func (g *gate) pass() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for g.phase == parking || g.phase == accepting && len(g.conns) >= g.max {
		g.parked++
		g.arrived.Broadcast()
		g.changed.Wait()
		g.parked--
	}
	return g.phase != closed
}

func (g *gate) admit(accepted net.Conn) *conn {
	c := &conn{Conn: fewtasks.Conn(accepted), gate: g, silent: true}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.conns[c] = struct{}{}
	if g.phase == closed {
		c.hurry()
	}
	return c
}

// release forgets a connection that was closed. answered reports whether the close came
// with an answer.
func (g *gate) release(c *conn, answered bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, open := g.conns[c]; !open {
		return // Closed twice.
	}
	if answered {
		g.answered = time.Now()
	}
	if len(g.conns) >= g.max {
		g.changed.Broadcast()
	}
	delete(g.conns, c)
	if g.watched && len(g.conns) == 0 {
		g.watched = false
		select {
		case g.empty <- struct{}{}:
		default:
		}
	}
}

func (g *gate) noteAnswer() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answered = time.Now()
}

// quiet returns how many connections are open, and the time of the last answer.
// If any is open, empty will get a value when none is.
func (g *gate) quiet() (open int, since time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watched = len(g.conns) > 0
	return len(g.conns), g.answered
}

// park makes the accept loops stop, and reports whether all have before the limit.
// Then the number of open connections can only go down. It goes on until unpark or
// close.
func (g *gate) park(limit time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.phase == closed {
		return true
	}
	g.phase = parking
	g.setDeadlines(past)
	g.changed.Broadcast()
	late := false
	timer := time.AfterFunc(limit, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		late = true
		g.arrived.Broadcast()
	})
	defer timer.Stop()
	for g.parked < len(g.listeners) && !late {
		g.arrived.Wait()
	}
	return g.parked == len(g.listeners)
}

// unpark lets the accept loops accept again, unless they were to end.
func (g *gate) unpark() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.phase == parking {
		g.setDeadlines(time.Time{})
		g.phase = accepting
		g.changed.Broadcast()
	}
}

// closeIfEmpty makes parked accept loops end if no connection is open and none waits
// in a queue. A connection that comes to the queue later is not lost, but has to wait
// for the next start.
func (g *gate) closeIfEmpty() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.conns) > 0 || g.readable() {
		return false
	}
	g.phase = closed
	g.changed.Broadcast()
	return true
}

// close makes the accept loops end, and the connections as soon as what was begun
// on them is answered.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.phase = closed
	g.changed.Broadcast()
	for c := range g.conns {
		c.hurry()
	}
}

// cutOff closes the connections that are open, whatever is under way on them.
func (g *gate) cutOff() {
	g.mu.Lock()
	open := slices.Collect(maps.Keys(g.conns))
	g.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

func (g *gate) draining() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.phase == closed
}

func (g *gate) setDeadlines(t time.Time) {
	for i := range g.listeners {
		// It fails only for a listener that was closed, whose loop ends by itself.
		_ = g.listeners[i].SetDeadline(t)
	}
}

// readable reports whether a connection waits in a listener's queue.
func (g *gate) readable() bool {
	for i := range g.listeners {
		socket, ok := g.listeners[i].stoppable.(syscall.Conn)
		if !ok {
			continue
		}
		raw, err := socket.SyscallConn()
		if err != nil {
			continue
		}
		ready := 0
		_ = raw.Control(func(fd uintptr) {
			ready, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		})
		if ready > 0 {
			return true
		}
	}
	return false
}
