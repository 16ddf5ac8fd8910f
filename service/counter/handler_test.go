package counter

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestHandler(t *testing.T) {
	last := uint64(0)
	handler := Handler(func() (uint64, error) {
		if last == 2 {
			return 0, errors.New("disk on fire")
		}
		last++
		return last, nil
	})
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
			t.Errorf("%s: a cache could answer without counting", step.method)
		}
	}
}
