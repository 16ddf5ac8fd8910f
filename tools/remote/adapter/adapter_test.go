package adapter

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"testing"
)

const execute = "/build.bazel.remote.execution.v2.Execution/Execute"

// message is one message of gRPC's.
func message(text []byte) []byte {
	return append([]byte{0, 0, 0, 0, byte(len(text))}, text...)
}

// serverCapabilities has low_api_version 2.1 and high_api_version 2.12.
var serverCapabilities = []byte{
	4<<3 | 2, 4, 1 << 3, 2, 2 << 3, 1,
	5<<3 | 2, 4, 1 << 3, 2, 2 << 3, 12,
}

// fields collects a message's fields as a decoder must: messages are merged, which for
// encoded ones is to append, and of numbers the last one wins. All are below 128, so that
// each takes a byte.
func fields(b []byte) (messages map[byte][]byte, numbers map[byte]byte) {
	messages, numbers = map[byte][]byte{}, map[byte]byte{}
	for len(b) > 0 {
		field, value, isMessage := b[0]>>3, b[1], b[0]&7 == 2
		b = b[2:]
		if isMessage {
			messages[field] = append(messages[field], b[:value]...)
			b = b[value:]
		} else {
			numbers[field] = value
		}
	}
	return messages, numbers
}

func TestLower(t *testing.T) {
	answer, err := lower(message(serverCapabilities))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := int(answer[4]), len(answer)-5; got != want {
		t.Fatalf("the message says that it has %d bytes, and has %d", got, want)
	}
	messages, _ := fields(answer[5:])
	for number, want := range map[byte][2]byte{4: {2, 0}, 5: {2, 12}} {
		_, v := fields(messages[number])
		if got := [2]byte{v[1], v[2]}; got != want {
			t.Errorf("field %d is version %d, want %d", number, got, want)
		}
	}
}

func TestLowerRefuses(t *testing.T) {
	for name, bad := range map[string][]byte{
		"short":      {0, 0, 0},
		"truncated":  message(serverCapabilities)[:8],
		"compressed": append([]byte{1}, message(serverCapabilities)[1:]...),
	} {
		if got, err := lower(bad); err == nil {
			t.Errorf("%s: became %x", name, got)
		}
	}
	if got, err := lower(nil); err != nil || len(got) != 0 {
		t.Errorf("an answer without a message became %x, %v", got, err)
	}
}

// start serves backend's answers through the adapter and returns the URL in front. The
// client speaks HTTP/2 as gRPC does.
func start(t *testing.T, backend http.HandlerFunc) (client *http.Client, front string) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "socket")
	behind, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	server := &http.Server{Protocols: h2, Handler: backend}
	go func() { _ = server.Serve(behind) }()
	t.Cleanup(func() { server.Close() })
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := New(socket, log.New(t.Output(), "", 0))
	go func() { _ = proxy.Serve(listener) }()
	t.Cleanup(func() { proxy.Close() })
	return &http.Client{Transport: &http.Transport{Protocols: h2}}, "http://" + listener.Addr().String()
}

// call sends one message and returns the whole answer, whose trailers are read then.
func call(t *testing.T, client *http.Client, url string, sent []byte) (*http.Response, string) {
	t.Helper()
	r, err := client.Post(url, "application/grpc", bytes.NewReader(sent))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return r, string(answer)
}

// A server that answers every call with what it was sent, and a trailer, as gRPC does.
func TestCallsPassThrough(t *testing.T) {
	client, front := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Grpc-Status", "7")
	})
	sent := message(serverCapabilities)
	for path, want := range map[string]string{
		execute:      string(sent),
		capabilities: string(message(append(bytes.Clone(serverCapabilities), lowVersion...))),
	} {
		r, got := call(t, client, front+path, sent)
		if got != want {
			t.Errorf("%s: %x was answered by %x, want %x", path, sent, got, want)
		}
		if status := r.Trailer.Get("Grpc-Status"); status != "7" {
			t.Errorf("%s: the trailer Grpc-Status is %q, want 7", path, status)
		}
	}
}

// A server that refuses at once says so in headers that end the stream.
func TestRefusalArrivesInTrailers(t *testing.T) {
	client, front := start(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/grpc")
		w.Header().Set("Grpc-Status", "13")
		w.Header().Set("Grpc-Message", "no worker has it")
	})
	for _, path := range []string{execute, capabilities} {
		r, answer := call(t, client, front+path, message(serverCapabilities))
		if answer != "" {
			t.Errorf("%s: the answer has a body, %x", path, answer)
		}
		for name, want := range map[string]string{"Grpc-Status": "13", "Grpc-Message": "no worker has it"} {
			if got := r.Trailer.Get(name); got != want {
				t.Errorf("%s: the trailer %s is %q, want %q", path, name, got, want)
			}
			if got := r.Header.Get(name); got != "" {
				t.Errorf("%s: %s is a header too, %q", path, name, got)
			}
		}
		if got, want := r.Header.Get("Content-Type"), "application/grpc"; got != want {
			t.Errorf("%s: Content-Type is %q, want %q", path, got, want)
		}
	}
}
