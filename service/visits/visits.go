// Package visits is the service's HTTP interface.
package visits

import (
	"fmt"
	"log/slog"
	"net/http"
)

// A Counter gives each visitor a number.
type Counter interface {
	// Next returns the next number. After an error there is no number to show.
	Next() (uint64, error)
}

// Handler answers GET / with the visitor's number. Nothing else counts: not HEAD,
// no other path (404) and no other method (405). If the counter fails the answer
// is 503.
func Handler(counter Counter) http.Handler {
	mux := http.NewServeMux()
	// The pattern takes HEAD as well.
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		if r.Method == http.MethodHead {
			return
		}
		n, err := counter.Next()
		if err != nil {
			slog.Error("visit not counted", "error", err)
			http.Error(w, "The visitor counter is out of order.", http.StatusServiceUnavailable)
			return
		}
		// A client that has gone away was counted all the same.
		_, _ = fmt.Fprintf(w, "Hello! You are visitor #%d!\n", n)
	})
	return mux
}
