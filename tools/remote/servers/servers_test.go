package servers

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// running starts a server for the rest of the test, which then leaves nothing behind.
func running(t *testing.T, start func(Options) (*Server, error)) (*Server, *http.Client) {
	t.Helper()
	s, err := start(Options{Storage: t.TempDir(), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(s.scratch); err == nil {
			t.Errorf("%s is left", s.scratch)
		}
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(s.scheme == "http")
	protocols.SetUnencryptedHTTP2(s.scheme == "grpc")
	return s, &http.Client{Transport: &http.Transport{Protocols: protocols}}
}

func TestHTTPCache(t *testing.T) {
	s, client := running(t, HTTPCache)
	key, blob := strings.Repeat("0a", 32), strings.Repeat("more than a megabyte\n", 1<<16)
	for _, step := range []struct {
		request string
		status  int
	}{
		{"GET /ac/" + key, http.StatusNotFound},
		{"PUT /ac/" + key, http.StatusCreated},
		{"GET /ac/" + key, http.StatusOK},
		{"PUT /cas/" + key, http.StatusCreated},
		{"DELETE /cas/" + key, http.StatusMethodNotAllowed},
		{"GET /cas/", http.StatusNotFound},
		{"PUT /cas/short", http.StatusNotFound},
		{"PUT /other/" + key, http.StatusNotFound},
	} {
		method, path, _ := strings.Cut(step.request, " ")
		answer, body, err := send(t, s.proxies[0], client, method, path, map[string]string{"PUT": blob}[method])
		if err != nil {
			t.Fatal(err)
		}
		if answer.StatusCode != step.status || step.status == http.StatusOK && body != blob {
			t.Errorf("%s: status %d, %d bytes; want %d", step.request, answer.StatusCode, len(body), step.status)
		}
	}
	if kept, err := os.ReadFile(s.File("/cas/" + key)); err != nil || string(kept) != blob {
		t.Errorf("%s: %v, or other bytes", s.File("/cas/"+key), err)
	}
}

// Through the proxy BuildBox announces the version that Bazel 7 speaks.
func TestBuildBox(t *testing.T) {
	s, client := running(t, func(o Options) (*Server, error) { return BuildBox(o, HostTools, 1) })
	answer, body, err := send(t, s.proxies[0], client, "POST", capabilities, message(""))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(body, string(oldVersion)) || answer.Trailer.Get("Grpc-Status") != "0" {
		t.Errorf("got %q, trailers %v", body, answer.Trailer)
	}
}

// A server that ends at once is an error, and nothing is left.
func TestStartFails(t *testing.T) {
	for name, start := range map[string]func(Options) (*Server, error){
		"ended at once":           func(o Options) (*Server, error) { o.Storage += `/"`; return HTTPCache(o) },
		`no runner "wheelbarrow"`: func(o Options) (*Server, error) { return BuildBox(o, "wheelbarrow", 1) },
		"an engine of -1 jobs":    func(o Options) (*Server, error) { return BuildBox(o, HostTools, -1) },
	} {
		storage := t.TempDir()
		t.Setenv("TMPDIR", t.TempDir())
		s, err := start(Options{Storage: storage, Log: t.Output()})
		if err == nil {
			t.Errorf("%s: it started all the same: %v", name, s.Close())
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
		if left, _ := filepath.Glob(os.TempDir() + "/*"); len(left) > 0 {
			t.Errorf("%s: %q is left", name, left)
		}
	}
}
