package adapter

import (
	"bytes"
	"io"
	"log"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

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

// A server that answers every call with what it was sent, and a trailer, as gRPC does.
func TestCallsPassThrough(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	behind, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	h2 := new(http.Protocols)
	h2.SetUnencryptedHTTP2(true)
	backend := &http.Server{Protocols: h2, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Grpc-Status", "7")
	})}
	go func() { _ = backend.Serve(behind) }()
	defer backend.Close()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := New(socket, log.New(t.Output(), "", 0))
	go func() { _ = proxy.Serve(front) }()
	defer proxy.Close()

	client := &http.Client{Transport: &http.Transport{Protocols: h2}}
	sent := message(serverCapabilities)
	for path, want := range map[string]string{
		"/build.bazel.remote.execution.v2.Execution/Execute": string(sent),
		capabilities: string(message(append(bytes.Clone(serverCapabilities), lowVersion...))),
	} {
		r, err := client.Post("http://"+front.Addr().String()+path, "application/grpc", bytes.NewReader(sent))
		if err != nil {
			t.Fatal(err)
		}
		var got strings.Builder
		if _, err := io.Copy(&got, r.Body); err != nil {
			t.Fatal(err)
		}
		if err := r.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if got.String() != want {
			t.Errorf("%s: %x was answered by %x, want %x", path, sent, got.String(), want)
		}
		if status := r.Trailer.Get("Grpc-Status"); status != "7" {
			t.Errorf("%s: the trailer Grpc-Status is %q, want 7", path, status)
		}
	}
}
