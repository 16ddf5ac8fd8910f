// Package idle serves HTTP on sockets that a service manager keeps listening, and
// finds the moment at which the process can exit without losing a connection.
//
// The manager holds a descriptor of every listening socket. A connection that
// nobody has accepted stays in the kernel's queue whatever this process does, and
// makes the manager start the service again. So only an accepted connection can
// be lost, and the way out is: stop accepting, wait until every accept loop has
// really stopped, and only then look whether a connection is open. If one is, go
// on accepting; if none is, nothing can be lost any more.
//
// [http.Server.Shutdown] is never used: it drops a request that it has just read.
//
// The clock is package time's; tests put it into the bubble of testing/synctest,
// which net/http's own time-outs then obey too.
package idle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options of a [Server]. The zero value serves until its context is done.
type Options struct {
	// Timeout is how long nothing is asked, and no connection is open, before
	// Run returns. 0 means never: for listeners that nobody else holds.
	Timeout time.Duration

	// KeepAlive is how long a connection may stay open after an answer, waiting
	// for the next request. 0 means Timeout, but at most a minute.
	KeepAlive time.Duration

	// HeaderTimeout is how long a request's header may take, from the accept or
	// from the request's first byte; twice as long may the whole request take,
	// and its answer. 0 means 10 s.
	HeaderTimeout time.Duration

	// MaxHeaderBytes bounds a request's header. 0 means 16 KiB. A longer one is
	// answered with 431.
	MaxHeaderBytes int

	// MaxConnections bounds the open connections, and so memory and
	// descriptors. Further ones wait in the kernel's queue. 0 means 8192.
	MaxConnections int

	// DrainTimeout bounds how long Run goes on after its context is done. 0
	// means 20 s. It should be more than HeaderTimeout, so that every request
	// that has begun can be answered.
	DrainTimeout time.Duration

	// Log takes warnings and errors; nil means [slog.Default].
	Log *slog.Logger
}

const (
	// parkLimit is how long to wait for accept loops to stop. It takes
	// microseconds, unless the descriptors were made blocking from outside.
	parkLimit = time.Second

	// drainGrace is how long a kept connection may stay silent while draining: a
	// client that is just sending its next request gets it answered, with
	// "Connection: close".
	drainGrace = 250 * time.Millisecond
)

func (o Options) withDefaults() Options {
	orElse(&o.KeepAlive, min(o.Timeout, time.Minute))
	orElse(&o.KeepAlive, time.Minute)
	orElse(&o.HeaderTimeout, 10*time.Second)
	orElse(&o.MaxHeaderBytes, 16<<10)
	orElse(&o.MaxConnections, 8192)
	orElse(&o.DrainTimeout, 20*time.Second)
	orElse(&o.Log, slog.Default())
	return o
}

func orElse[T comparable](value *T, otherwise T) {
	var zero T
	if *value == zero {
		*value = otherwise
	}
}

// A Server answers requests on its listeners. Make it with [New].
type Server struct {
	options Options
	http    http.Server
	gate    *gate

	// parking is held while the accept loops are made to stop.
	parking sync.Mutex
}

// New makes a server for listeners, which must have a SetDeadline method, as
// those of package net do. It does not accept before [Server.Run].
func New(listeners []net.Listener, handler http.Handler, options Options) (*Server, error) {
	s := &Server{options: options.withDefaults()}
	var err error
	if s.gate, err = newGate(listeners, s.options.MaxConnections); err != nil {
		return nil, err
	}
	s.http = http.Server{
		Handler:           s.closing(handler),
		ReadHeaderTimeout: s.options.HeaderTimeout,
		ReadTimeout:       2 * s.options.HeaderTimeout,
		WriteTimeout:      2 * s.options.HeaderTimeout,
		IdleTimeout:       s.options.KeepAlive,
		MaxHeaderBytes:    s.options.MaxHeaderBytes,
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateIdle {
				c.(*conn).answered()
			}
		},
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelError),
	}
	return s, nil
}

// closing says in each answer of a server that is about to stop that no further
// request will be read from this connection.
func (s *Server) closing(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.gate.draining() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}

// Run serves until the time-out of [Options] is over, or until ctx is done and
// what was begun is answered. Both are no error. When it returns without one, the
// listeners are closed, and no connection is open that was accepted.
func (s *Server) Run(ctx context.Context) error {
	failed := make(chan error, len(s.gate.listeners))
	ended := make(chan struct{})
	var loops sync.WaitGroup
	for i := range s.gate.listeners {
		loops.Go(func() { failed <- s.http.Serve(&s.gate.listeners[i]) })
	}
	go func() {
		defer close(ended)
		loops.Wait()
	}()
	return s.serve(ctx, failed, ended)
}

func (s *Server) serve(ctx context.Context, failed <-chan error, ended <-chan struct{}) error {
	timer := time.NewTimer(s.options.Timeout)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.drain(ended)
		case err := <-failed:
			return errors.Join(fmt.Errorf("accept: %w", err), s.drain(ended))
		case <-timer.C:
		case <-s.gate.empty:
		}
		if s.options.Timeout == 0 {
			continue
		}
		open, since := s.gate.quiet()
		if open > 0 {
			continue // gate.empty will tell.
		}
		if left := s.options.Timeout - time.Since(since); left > 0 {
			timer.Reset(left)
			continue
		}
		if s.exit() {
			<-ended // They wait at the gate, which is closed: at once.
			return nil
		}
		timer.Reset(s.options.Timeout)
	}
}

// exit stops accepting for good if no connection is open.
func (s *Server) exit() bool {
	s.parking.Lock()
	defer s.parking.Unlock()
	defer s.gate.unpark()
	return s.gate.park(parkLimit) && s.gate.closeIfEmpty()
}

// drain stops accepting for good and waits for the accept loops, which may still
// bring a connection, and for the open connections.
func (s *Server) drain(ended <-chan struct{}) error {
	s.parking.Lock()
	defer s.parking.Unlock()
	deadline := time.NewTimer(s.options.DrainTimeout)
	defer deadline.Stop()
	s.gate.park(parkLimit)
	s.gate.close()
	for accepting := true; ; {
		open, _ := s.gate.quiet()
		if open == 0 && !accepting {
			return nil
		}
		select {
		case <-s.gate.empty:
		case <-ended:
			accepting, ended = false, nil
		case <-deadline.C:
			if open > 0 {
				s.options.Log.Warn("closing connections that did not end in time", "connections", open, "timeout", s.options.DrainTimeout)
			}
			// Not http.Server.Close, which would wait for the accept loops.
			s.gate.cutOff()
			if accepting {
				return errors.New("an accept loop does not end: has another process that shares the socket made it blocking?")
			}
			return nil
		}
	}
}

// Connections returns how many connections are open.
func (s *Server) Connections() int {
	open, _ := s.gate.quiet()
	return open
}

// Ping makes every accept loop come by, and returns an error if one does not
// within a second. That takes microseconds; meanwhile nothing is accepted. It is
// meant for a watchdog.
func (s *Server) Ping() error {
	if !s.parking.TryLock() {
		return nil // Just being asked the same.
	}
	defer s.parking.Unlock()
	came := s.gate.park(parkLimit)
	s.gate.unpark()
	if !came {
		return errors.New("an accept loop does not answer")
	}
	return nil
}
