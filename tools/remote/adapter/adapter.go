// Package adapter lets Bazel 7 talk to a Remote Execution API server that no longer
// announces version 2.0, the only one that Bazel 7 speaks.
//
// It passes every call through as it is, but for the answer to GetCapabilities. Only
// for tests: it vouches for a version that the server does not claim, which is right
// for servers of 2.1 and newer that took nothing away, such as BuildBox.
package adapter

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
)

// capabilities is the one call whose answer is changed.
const capabilities = "/build.bazel.remote.execution.v2.Capabilities/GetCapabilities"

// lowVersion is an encoded ServerCapabilities with low_api_version (field 4, a
// message) whose minor (field 2, a number) is 0. Appended to another one it overrides
// just that: of a field that comes twice, messages are merged and the last number wins
// (protobuf.dev, "Encoding", "Last One Wins").
var lowVersion = []byte{4<<3 | 2, 2, 2 << 3, 0}

// New returns a server that passes calls on to the Unix socket at backend. Like gRPC
// without TLS it speaks HTTP/2 from the first byte.
func New(backend string, said *log.Logger) *http.Server {
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: "backend"}) },
		Transport: &http.Transport{
			Protocols: h2,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "unix", backend)
			},
			// What is compressed in gRPC is compressed inside its messages.
			DisableCompression: true,
		},
		// Streams: each message when it is there.
		FlushInterval:  -1,
		ModifyResponse: modify,
		ErrorLog:       said,
	}
	return &http.Server{Handler: proxy, Protocols: h2, ErrorLog: said}
}

// trailers are the headers in which a server says how a call ended (github.com/grpc/grpc,
// doc/PROTOCOL-HTTP2.md, "Responses").
var trailers = []string{"Grpc-Status", "Grpc-Message", "Grpc-Status-Details-Bin"}

func modify(r *http.Response) error {
	delayTrailers(r)
	if r.Request.URL.Path != capabilities {
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
	if answer, err = lower(answer); err != nil {
		return fmt.Errorf("the server's answer to GetCapabilities: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(answer))
	r.ContentLength = -1
	r.Header.Del("Content-Length")
	return nil
}

// delayTrailers makes trailers of those that came as headers, which gRPC has only in an
// answer of nothing else ("Trailers-Only"); what else is there stays a header. Such an answer is one frame that ends the stream. Whether the proxy
// writes it as one is chance: it flushes headers from a timer of its own, and when that
// comes first the stream ends with an empty frame of data, which Bazel calls an internal
// error instead of reading what the server said.
func delayTrailers(r *http.Response) {
	for _, name := range trailers {
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

// lower appends to the one message of a call's answer: a byte that says whether it is
// compressed, its length in four bytes, itself. An error has no message.
func lower(answer []byte) ([]byte, error) {
	const prefix = 5
	switch {
	case len(answer) == 0:
		return answer, nil
	case len(answer) < prefix || int(binary.BigEndian.Uint32(answer[1:])) != len(answer)-prefix:
		return nil, errors.New("not one whole message")
	case answer[0] != 0:
		return nil, errors.New("compressed, which nobody asked for")
	}
	lowered := append(bytes.Clone(answer), lowVersion...)
	binary.BigEndian.PutUint32(lowered[1:], uint32(len(lowered)-prefix))
	return lowered, nil
}
