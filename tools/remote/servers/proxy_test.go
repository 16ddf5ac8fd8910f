package servers

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

const (
	text    = "0123456789"
	execute = "/build.bazel.remote.execution.v2.Execution/Execute"
)

// inFront starts a proxy for a handler, and returns a client that speaks its protocol.
func inFront(t *testing.T, scheme string, handler http.HandlerFunc) (*Proxy, *http.Client) {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(scheme == "http")
	protocols.SetUnencryptedHTTP2(scheme == "grpc")
	server := &http.Server{Protocols: protocols, Handler: handler}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	p, err := newProxy(scheme, socket, log.New(t.Output(), "", 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, &http.Client{Transport: &http.Transport{Protocols: protocols}}
}

// send returns the answer with its body, whose trailers are there then.
func send(t *testing.T, p *Proxy, client *http.Client, method, path, body string) (*http.Response, string, error) {
	t.Helper()
	_, host, _ := strings.Cut(p.Address, "://")
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+host+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		// What gRPC's servers insist on.
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("TE", "trailers")
	}
	answer, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	return answer, string(got), err
}

func TestFaults(t *testing.T) {
	for name, c := range map[string]struct {
		fault  Fault
		status int
		body   string
		fails  bool
	}{
		"none": {None, 200, text, false},
		"500":  {500, 500, "", false},
		"507":  {507, 507, "", false},
		"cut":  {Cut, 200, text[:5], true},
		"gone": {Gone, 0, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			p, client := inFront(t, "http", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
			p.Do(At("/cas/1", c.fault))
			answer, body, err := send(t, p, client, "GET", "/cas/1", "")
			if (err != nil) != c.fails || body != c.body || answer != nil && answer.StatusCode != c.status {
				t.Errorf("got %v, %q, %v; want %d, %q, and an error: %v", answer, body, err, c.status, c.body, c.fails)
			}
			_, body, err = send(t, p, client, "PUT", "/cas/2", text)
			if c.fault == Gone {
				if err == nil {
					t.Error("something still listens")
				}
				return
			}
			if body != text || err != nil {
				t.Errorf("a request that the rule does not name: %q, %v", body, err)
			}
			want := []Request{{"GET", "/cas/1", c.fault}, {"PUT", "/cas/2", None}}
			if got := p.Requests(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
				t.Errorf("got %v, want %v", got, want)
			}
			if p.Do(nil); len(p.Requests()) > 0 || p.Faults() > 0 {
				t.Errorf("not forgotten: %v", p.Requests())
			}
		})
	}
}

// The client waits until the proxy ends, which does not wait for the client.
func TestStalled(t *testing.T) {
	p, client := inFront(t, "http", func(http.ResponseWriter, *http.Request) { t.Error("the request came through") })
	came := make(chan struct{})
	p.Do(func(string, string) Fault {
		close(came)
		return Stalled
	})
	answered := make(chan error)
	go func() {
		_, _, err := send(t, p, client, "GET", "/cas/1", "")
		answered <- err
	}()
	<-came
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil {
		t.Error("it was answered")
	}
}

// message is one message of gRPC's.
func message(text string) string { return string([]byte{0, 0, 0, 0, byte(len(text))}) + text }

// announced has low_api_version 2.1 and high_api_version 2.12.
var announced = string([]byte{4<<3 | 2, 4, 1 << 3, 2, 2 << 3, 1, 5<<3 | 2, 4, 1 << 3, 2, 2 << 3, 12})

// Calls and their trailers pass, and GetCapabilities gets version 2.0.
func TestCallsPass(t *testing.T) {
	p, client := inFront(t, "grpc", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "Grpc-Status")
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set("Grpc-Status", "7")
	})
	for path, want := range map[string]string{
		execute:      message(announced),
		capabilities: message(announced + string(oldVersion)),
	} {
		answer, got, err := send(t, p, client, "POST", path, message(announced))
		if err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: got %x, want %x", path, got, want)
		}
		if status := answer.Trailer.Get("Grpc-Status"); status != "7" {
			t.Errorf("%s: the trailer Grpc-Status is %q, want 7", path, status)
		}
	}
}

// A server that refuses at once says so in headers that end the stream.
func TestRefusalArrivesInTrailers(t *testing.T) {
	p, client := inFront(t, "grpc", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Grpc-Status", "13")
		w.Header().Set("Grpc-Message", "no worker has it")
	})
	for _, path := range []string{execute, capabilities} {
		answer, body, err := send(t, p, client, "POST", path, message(announced))
		if err != nil || body != "" {
			t.Fatalf("%s: %q, %v", path, body, err)
		}
		for name, want := range map[string]string{"Grpc-Status": "13", "Grpc-Message": "no worker has it"} {
			if answer.Trailer.Get(name) != want || answer.Header.Get(name) != "" {
				t.Errorf("%s: %s: trailer %q, header %q; want it in the trailer, %q", path, name, answer.Trailer.Get(name), answer.Header.Get(name), want)
			}
		}
	}
}

func TestCapabilitiesThatAreNoMessage(t *testing.T) {
	whole := []byte(message(announced))
	for name, bad := range map[string][]byte{
		"short":      whole[:3],
		"truncated":  whole[:8],
		"compressed": append([]byte{1}, whole[1:]...),
	} {
		if got, err := announceOldVersion(bytes.Clone(bad)); err == nil {
			t.Errorf("%s: became %x", name, got)
		}
	}
}
