package visits

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// memory is a counter that fails after a while.
type memory struct{ n, failAfter uint64 }

func (m *memory) Next() (uint64, error) {
	if m.n == m.failAfter {
		return 0, errors.New("disk on fire")
	}
	m.n++
	return m.n, nil
}

func TestHandler(t *testing.T) {
	handler := Handler(&memory{failAfter: 2})
	for _, step := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/", 200, "Hello! You are visitor #1!\n"},
		{"HEAD", "/", 200, ""},
		{"GET", "/favicon.ico", 404, "404 page not found\n"},
		{"POST", "/", 405, "Only GET and HEAD are served here.\n"},
		{"GET", "/", 200, "Hello! You are visitor #2!\n"},
		{"GET", "/", 503, "The visitor counter is out of order.\n"},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, httptest.NewRequest(step.method, step.path, nil))
		if w.Code != step.status || w.Body.String() != step.body {
			t.Errorf("%s %s: got %d %q, want %d %q", step.method, step.path, w.Code, w.Body, step.status, step.body)
		}
		if step.status == http.StatusMethodNotAllowed && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: Allow is %q", step.method, w.Header().Get("Allow"))
		}
		if step.status == 200 && w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("%s: a cache could answer in our place", step.method)
		}
	}
}
