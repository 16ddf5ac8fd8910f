package servers

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
)

// A Fault is the treatment of one request. A positive value is the HTTP status of the answer.
type Fault int

// Faults other than a status.
const (
	// None passes the request on.
	None Fault = -iota
	// Stalled gives no answer until the client gives up or the proxy is closed.
	Stalled
	// Cut answers with the first half, after which the connection ends.
	Cut
	// Gone ends the whole proxy: all connections, and nothing listens any more.
	Gone
)

// A Rule decides about a request.
type Rule func(method, path string) Fault

// At is the rule that requests for one path have a fault.
func At(path string, fault Fault) Rule {
	return func(_, asked string) Fault {
		if asked == path {
			return fault
		}
		return None
	}
}

// A Request is one that came to a proxy.
type Request struct {
	// Path is the full name of the method for gRPC.
	Method, Path string
	Fault        Fault
}

// A Proxy stands between Bazel and a server until it is closed or gone. It records
// requests, does the harm that a [Rule] asks for, and lets Bazel 7 talk to BuildBox.
type Proxy struct {
	// Address is for --remote_cache and --remote_executor.
	Address string

	server  *http.Server
	reverse *httputil.ReverseProxy
	closed  chan struct{}

	mu       sync.Mutex
	rule     Rule
	requests []Request
}

// newProxy starts a proxy for the server at a Unix socket. The scheme grpc stands for
// HTTP/2 from the first byte, as in gRPC without TLS.
func newProxy(scheme, socket string, said *log.Logger) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(scheme == "http")
	protocols.SetUnencryptedHTTP2(scheme == "grpc")
	p := &Proxy{Address: scheme + "://" + listener.Addr().String(), closed: make(chan struct{})}
	p.reverse = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "server"}) },
		Transport: &http.Transport{
			Protocols: protocols,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", socket)
			},
			// Bodies pass as they are, and a build's connections are kept.
			DisableCompression: true, MaxIdleConnsPerHost: 100,
		},
		// Streams pass each message as it comes.
		FlushInterval:  -1,
		ModifyResponse: modify,
		ErrorLog:       said,
	}
	p.server = &http.Server{Handler: p, Protocols: protocols, ErrorLog: said}
	go func() { _ = p.server.Serve(listener) }()
	return p, nil
}

// Do has a rule decide about requests from now on; nil stands for no faults. It forgets
// the requests so far.
func (p *Proxy) Do(rule Rule) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rule, p.requests = rule, nil
}

// Requests returns all requests since the last Do, each from the moment it came.
func (p *Proxy) Requests() []Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// Faults counts those requests that had a fault.
func (p *Proxy) Faults() int {
	n := 0
	for _, r := range p.Requests() {
		if r.Fault != None {
			n++
		}
	}
	return n
}

// Close ends the proxy. Closing a closed proxy is not an error.
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

func (p *Proxy) decide(r *http.Request) (fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.rule != nil {
		fault = p.rule(r.Method, r.URL.Path)
	}
	p.requests = append(p.requests, Request{r.Method, r.URL.Path, fault})
	return fault
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch fault := p.decide(r); fault {
	case None:
		p.reverse.ServeHTTP(w, r)
	case Cut:
		p.reverse.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), cutKey{}, true)))
	case Stalled:
		select {
		case <-r.Context().Done():
		case <-p.closed:
		}
		panic(http.ErrAbortHandler)
	case Gone:
		_ = p.Close()
		panic(http.ErrAbortHandler)
	default:
		// A client that is still sending would miss the answer.
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(int(fault))
	}
}

// cutKey marks the context of a request whose answer is to be cut.
type cutKey struct{}

// capabilities is the one call whose answer is changed.
const capabilities = "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities"

func modify(r *http.Response) error {
	delayTrailers(r)
	switch {
	case r.Request.Context().Value(cutKey{}) != nil:
		if r.ContentLength < 2 {
			return fmt.Errorf("%s has %d bytes: it is too short to be cut", r.Request.URL.Path, r.ContentLength)
		}
		// The client knows from Content-Length that the rest is missing.
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(io.LimitReader(r.Body, r.ContentLength/2), failing{}), r.Body}
		return nil
	case r.Request.URL.Path != capabilities:
		return nil
	}
	// To the end, so that the trailers are there.
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	if err := r.Body.Close(); err != nil {
		return err
	}
	if answer, err = announceOldVersion(answer); err != nil {
		return fmt.Errorf("the server's answer to GetCapabilities: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(answer))
	r.ContentLength = -1
	r.Header.Del("Content-Length")
	return nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("cut by a rule") }

// delayTrailers makes trailers of the headers in which gRPC reports the end of a call
// that has no message ("Trailers-Only" in PROTOCOL-HTTP2.md of github.com/grpc/grpc).
// Such an answer is one frame that ends the stream. ReverseProxy may flush its headers
// first and end the stream with an empty data frame, which Bazel calls an internal error.
func delayTrailers(r *http.Response) {
	for _, name := range []string{"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"} {
		values, ok := r.Header[name]
		if !ok {
			continue
		}
		delete(r.Header, name)
		if r.Trailer == nil {
			r.Trailer = make(http.Header)
		}
		r.Trailer[name] = values
	}
}

// oldVersion is an encoded ServerCapabilities with low_api_version (field 4, a message)
// whose minor (field 2, a number) is 0. Appended to another one it overrides just that: of
// a field that comes twice, messages are merged and the last number wins (protobuf.dev,
// "Encoding", "Last One Wins").
var oldVersion = []byte{4<<3 | 2, 2, 2 << 3, 0}

// announceOldVersion adds version 2.0 to the versions that a server announces. Bazel 7 speaks only that;
// BuildBox announces 2.1 and newer, which took nothing away. The answer is one message of
// gRPC's: a byte that says whether it is compressed, its length in four bytes, itself. An
// error has no message.
func announceOldVersion(answer []byte) ([]byte, error) {
	const prefix = 5
	switch {
	case len(answer) == 0:
		return answer, nil
	case len(answer) < prefix || int(binary.BigEndian.Uint32(answer[1:])) != len(answer)-prefix:
		return nil, errors.New("not one whole message")
	case answer[0] != 0:
		return nil, errors.New("compressed, though Bazel did not ask for it")
	}
	answer = append(bytes.Clone(answer), oldVersion...)
	binary.BigEndian.PutUint32(answer[1:], uint32(len(answer)-prefix))
	return answer, nil
}
