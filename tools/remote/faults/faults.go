// Package faults is a proxy in front of an HTTP cache, or of a service of gRPC, that counts
// what passes, and does the harm that it is told to do: a cache that is broken, full, slow,
// or gone. Only for tests.
package faults

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"testing"
)

// A Fault is what befalls one request.
type Fault int

// All faults.
const (
	// None passes the request on.
	None Fault = iota
	// Broken is answered with status 500.
	Broken
	// Full is answered with status 507, as nginx does when its disk is full.
	Full
	// Stalled is not answered, until the client gives up or the proxy is closed.
	Stalled
	// Cut is answered with the first half, after which the connection ends.
	Cut
	// Gone ends the whole proxy: all connections, and nobody listens any more.
	Gone
)

// A Rule decides on a request.
type Rule func(method, path string) Fault

// At is the rule that what is asked for by a path has a fault, and all else has none.
func At(path string, fault Fault) Rule {
	return func(_, asked string) Fault {
		if asked == path {
			return fault
		}
		return None
	}
}

// An Exchange is a request that was answered to its end.
type Exchange struct {
	Method, Path string
	Status       int
	// Sent and Received are the bytes of the bodies, as the client sees it.
	Sent, Received int64
}

// A Proxy listens until it is closed, or gone.
type Proxy struct {
	// Address is for --remote_cache, or for --remote_executor.
	Address string

	server *http.Server
	closed chan struct{}

	mu        sync.Mutex
	rule      Rule
	exchanges []Exchange
	faults    int
}

// Start starts a proxy for the server at a URL, without faults, for the rest of the test.
// A URL of the scheme grpc is of HTTP/2 from the first byte, as gRPC without TLS is; the
// paths are the methods' full names.
func Start(t testing.TB, backend string) *Proxy {
	t.Helper()
	target, err := url.Parse(backend)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: target.Scheme + "://" + listener.Addr().String(), closed: make(chan struct{})}
	logger := log.New(t.Output(), "faults: ", 0)
	protocols := new(http.Protocols)
	if target.Scheme == "grpc" {
		target.Scheme = "http"
		protocols.SetUnencryptedHTTP2(true)
	} else {
		protocols.SetHTTP1(true)
	}
	reverse := &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: cut,
		ErrorLog:       logger,
		// So that the half before a cut is seen.
		FlushInterval: -1,
		// Bodies pass as they are, and connections are kept for all of a build's.
		Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 100, Protocols: protocols},
	}
	p.server = &http.Server{Handler: p.handler(reverse), ErrorLog: logger, Protocols: protocols}
	go func() { _ = p.server.Serve(listener) }()
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// Do has requests from now on judged by a rule; nil for no faults. It forgets what was
// counted.
func (p *Proxy) Do(rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.exchanges, p.faults = rule, nil, 0
}

// Exchanges returns all requests that were passed on, since the last Do.
func (p *Proxy) Exchanges() []Exchange {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.exchanges
}

// Faults is how many requests had one, since the last Do.
func (p *Proxy) Faults() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.faults
}

// Close ends the proxy, if that did not happen yet.
func (p *Proxy) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.closed:
		return nil
	default:
		close(p.closed)
		return p.server.Close()
	}
}

func (p *Proxy) judge(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rule == nil {
		return None
	}
	fault := p.rule(r.Method, r.URL.Path)
	if fault != None {
		p.faults++
	}
	return fault
}

func (p *Proxy) handler(reverse http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch fault := p.judge(r); fault {
		case Broken, Full:
			// A client that is still sending would miss the answer.
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(map[Fault]int{Broken: http.StatusInternalServerError, Full: http.StatusInsufficientStorage}[fault])
		case Stalled:
			select {
			case <-r.Context().Done():
			case <-p.closed:
			}
			panic(http.ErrAbortHandler)
		case Gone:
			_ = p.Close()
			panic(http.ErrAbortHandler)
		case None, Cut:
			if fault == Cut {
				r.Header.Set(cutHeader, "yes")
			}
			p.pass(reverse, w, r)
		}
	})
}

func (p *Proxy) pass(reverse http.Handler, w http.ResponseWriter, r *http.Request) {
	sent := &counter{ReadCloser: r.Body}
	r.Body = sent
	answer := &recorder{ResponseWriter: w, status: http.StatusOK}
	reverse.ServeHTTP(answer, r)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.exchanges = append(p.exchanges, Exchange{
		Method: r.Method, Path: r.URL.Path, Status: answer.status,
		Sent: sent.bytes, Received: answer.bytes,
	})
}

// cutHeader marks a request whose answer is to be cut.
const cutHeader = "Faults-Cut"

func cut(r *http.Response) error {
	if r.Request.Header.Get(cutHeader) == "" || r.StatusCode != http.StatusOK {
		return nil
	}
	if r.ContentLength < 1 {
		return fmt.Errorf("%s has %d bytes: can't be cut", r.Request.URL.Path, r.ContentLength)
	}
	// Content-Length stays, and so the client knows.
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), failing{}), r.Body}
	return nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut, as told") }

type counter struct {
	io.ReadCloser
	bytes int64
}

func (c *counter) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.bytes += int64(n)
	return n, err
}

type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets flushes through.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
