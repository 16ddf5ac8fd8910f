package faults

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const text = "0123456789"

func start(t *testing.T) *Proxy {
	t.Helper()
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch body, err := io.ReadAll(r.Body); {
		case err != nil:
			t.Error(err)
		case r.Method == http.MethodPut && string(body) == text:
			w.WriteHeader(http.StatusCreated)
		case r.Method == http.MethodGet:
			_, _ = io.WriteString(w, text)
		default:
			t.Errorf("%s with %q came through", r.Method, body)
		}
	}))
	t.Cleanup(backend.Close)
	return Start(t, backend.URL)
}

func send(t *testing.T, p *Proxy, method string) (status int, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, p.Address+"/cas/1", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodGet {
		r.Body = http.NoBody
	}
	client := &http.Client{Transport: new(http.Transport), Timeout: 30 * time.Second}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(got), err
}

func TestCounts(t *testing.T) {
	p := start(t)
	if status, _, err := send(t, p, http.MethodPut); status != http.StatusCreated || err != nil {
		t.Errorf("PUT: %d, %v", status, err)
	}
	if status, body, err := send(t, p, http.MethodGet); status != http.StatusOK || body != text || err != nil {
		t.Errorf("GET: %d, %q, %v", status, body, err)
	}
	want := []Exchange{
		{Method: "PUT", Path: "/cas/1", Status: 201, Sent: int64(len(text))},
		{Method: "GET", Path: "/cas/1", Status: 200, Received: int64(len(text))},
	}
	got := p.Exchanges()
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || p.Faults() != 0 {
		t.Errorf("got %+v, want %+v; %d faults", got, want, p.Faults())
	}
	if p.Do(nil); len(p.Exchanges()) > 0 {
		t.Errorf("not forgotten: %+v", p.Exchanges())
	}
}

func TestFaults(t *testing.T) {
	for fault, want := range map[Fault]int{Broken: http.StatusInternalServerError, Full: http.StatusInsufficientStorage} {
		p := start(t)
		p.Do(func(method, path string) Fault {
			if method == http.MethodPut && path == "/cas/1" {
				return fault
			}
			return None
		})
		if status, _, err := send(t, p, http.MethodPut); status != want || err != nil {
			t.Errorf("status %d, %v, want %d", status, err, want)
		}
		if status, _, err := send(t, p, http.MethodGet); status != http.StatusOK || err != nil {
			t.Errorf("what the rule does not mean: status %d, %v, want 200", status, err)
		}
		if p.Faults() != 1 {
			t.Errorf("%d faults, want 1", p.Faults())
		}
	}
}

func TestCut(t *testing.T) {
	p := start(t)
	p.Do(func(string, string) Fault { return Cut })
	if status, body, err := send(t, p, http.MethodGet); status != http.StatusOK || body != text[:5] || err == nil {
		t.Errorf("got %d, %q, %v, want 200, half of it, and an error", status, body, err)
	}
}

func TestGone(t *testing.T) {
	p := start(t)
	p.Do(func(string, string) Fault { return Gone })
	for range 2 {
		if status, _, err := send(t, p, http.MethodGet); err == nil {
			t.Errorf("answered with %d", status)
		}
	}
	if p.Faults() != 1 {
		t.Errorf("%d requests came, want 1: nobody should listen any more", p.Faults())
	}
}

// What gRPC needs comes through: HTTP/2 from the first byte, and trailers.
func TestGRPC(t *testing.T) {
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	backend := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(w, r.Body); err != nil {
			t.Error(err)
		}
		w.Header().Set(http.TrailerPrefix+"Grpc-Status", "0")
	}))
	backend.Config.Protocols = protocols
	backend.Start()
	t.Cleanup(backend.Close)
	p := Start(t, "grpc://"+backend.Listener.Addr().String())
	client := &http.Client{Transport: &http.Transport{Protocols: protocols}, Timeout: 30 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	call := func(method string) (body, status string, err error) {
		answer, err := client.Post(strings.Replace(p.Address, "grpc:", "http:", 1)+method, "application/grpc", strings.NewReader(text))
		if err != nil {
			return "", "", err
		}
		defer answer.Body.Close()
		got, err := io.ReadAll(answer.Body)
		return string(got), answer.Trailer.Get("Grpc-Status"), err
	}

	p.Do(At("/Execution/Execute", Gone))
	if body, status, err := call("/ActionCache/GetActionResult"); body != text || status != "0" || err != nil {
		t.Errorf("got %q, status %q, %v, want %q and status 0", body, status, err, text)
	}
	for range 2 {
		if _, _, err := call("/Execution/Execute"); err == nil {
			t.Error("it was answered")
		}
	}
	if len(p.Exchanges()) != 1 || p.Faults() != 1 {
		t.Errorf("%d calls came through, and %d had a fault, want 1 and 1", len(p.Exchanges()), p.Faults())
	}
}

// The client waits until the proxy ends, which does not wait for the client.
func TestStalled(t *testing.T) {
	p := start(t)
	came := make(chan struct{})
	p.Do(func(string, string) Fault {
		close(came)
		return Stalled
	})
	answered := make(chan error)
	go func() {
		_, _, err := send(t, p, http.MethodGet)
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
