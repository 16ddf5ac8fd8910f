// Package idle serves HTTP on sockets that a service manager keeps listening, and
// finds the moment at which the process can exit without losing a connection.
//
// The manager has a descriptor of every listening socket. A connection that is not
// yet accepted stays in the kernel's queue whatever this process does, and makes the
// manager start the service again. So only an accepted connection can be lost. The
// server therefore stops accepting, waits until every accept loop has really stopped,
// and only then checks whether a connection is open. If one is, it accepts again; if
// none is, nothing can be lost any more.
//
// [http.Server.Shutdown] is never used: it drops a request that it has just read.
//
// All time-outs use package time's clock, so that tests can replace it by that of
// testing/synctest.
package idle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Options of a [Server]. The zero value serves until its context is done.
type Options struct {
	// Timeout is how long there is no request and no open connection before Run
	// returns. 0 means never, which is right for listeners without a manager.
	Timeout time.Duration

	// HeaderTimeout bounds the time for a request's header, from the accept or from
	// the request's first byte. The whole request may take twice that time, and a
	// further HeaderTimeout is left for its answer. 0 means 10 s.
	HeaderTimeout time.Duration

	// MaxConnections bounds the open connections, and so memory and descriptors.
	// Further ones wait in the kernel's queue, but each listener after the first may
	// accept one more: its loop was waiting for a connection before the server was
	// full. 0 means as many as there may be open
	// files (RLIMIT_NOFILE, but at most MaxFiles), less 64 for everything else.
	MaxConnections int

	// DrainTimeout bounds how long Run goes on after its context is done. 0 means
	// 20 s. It should be longer than HeaderTimeout, so that every request that has
	// begun can be answered.
	DrainTimeout time.Duration

	// Log takes warnings and errors; nil means [slog.Default].
	Log *slog.Logger
}

// MaxFiles is how many open files a server needs at most. LimitNOFILE= in the unit is
// the same number.
const MaxFiles = 16384

const (
	// maxHeaderBytes bounds a request's header. The answer to a longer one is 431.
	maxHeaderBytes = 16 << 10

	// maxKeepAlive bounds how long a connection stays open after an answer, waiting
	// for the next request. It is Options.Timeout if that is less.
	maxKeepAlive = time.Minute

	// parkLimit is how long to wait for accept loops to stop. It takes
	// microseconds, unless the descriptors were made blocking from outside.
	parkLimit = time.Second

	// drainGrace is how long a kept connection may stay silent while draining: a
	// client that is just sending its next request gets it answered, with
	// "Connection: close".
	drainGrace = 250 * time.Millisecond
)

func (o Options) withDefaults() Options {
	o.HeaderTimeout = cmp.Or(o.HeaderTimeout, 10*time.Second)
	o.MaxConnections = cmp.Or(o.MaxConnections, maxConnections())
	o.DrainTimeout = cmp.Or(o.DrainTimeout, 20*time.Second)
	o.Log = cmp.Or(o.Log, slog.Default())
	return o
}

// maxConnections leaves some file descriptors for everything else.
func maxConnections() int {
	const reserve = 64
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		files.Cur = MaxFiles
	}
	return max(1, int(min(files.Cur, MaxFiles))-reserve)
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
		// Longer than ReadTimeout, so that a request whose body does not come can still
		// be answered.
		WriteTimeout:   3 * s.options.HeaderTimeout,
		IdleTimeout:    min(cmp.Or(s.options.Timeout, maxKeepAlive), maxKeepAlive),
		MaxHeaderBytes: maxHeaderBytes,
		ConnState: func(c net.Conn, state http.ConnState) {
			if state == http.StateIdle {
				c.(*conn).answered()
			}
		},
		ErrorLog: slog.NewLogLogger(s.options.Log.Handler(), slog.LevelError),
	}
	return s, nil
}

// closing adds "Connection: close" to the answers of a server that is about to stop.
func (s *Server) closing(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.gate.draining() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}

// Run serves until the server has been idle for Options.Timeout, or until ctx is done
// and the requests that have begun are answered. Neither is an error. When Run returns
// nil, the listeners are closed and no accepted connection is open.
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
			continue // gate.empty follows.
		}
		if left := s.options.Timeout - time.Since(since); left > 0 {
			timer.Reset(left)
			continue
		}
		if s.exit() {
			<-ended // At once: the loops wait at the gate, which is closed.
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
				return errors.New("an accept loop does not end; check whether another process that shares the socket made it blocking")
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

// Ping stops every accept loop and lets it go on, for a watchdog. It returns an error
// if a loop does not stop within a second. It takes microseconds if all is well.
func (s *Server) Ping() error {
	if !s.parking.TryLock() {
		return nil // The loops are being stopped already.
	}
	defer s.parking.Unlock()
	came := s.gate.park(parkLimit)
	s.gate.unpark()
	if !came {
		return errors.New("an accept loop does not answer")
	}
	return nil
}
