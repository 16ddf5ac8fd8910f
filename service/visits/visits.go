// Package visits is the service's HTTP interface.
package visits

import (
	"net/http"
	"strconv"
)

// A Counter gives each visitor a number.
type Counter interface {
	// Next returns the next number. After an error there is no number to show.
	Next() (uint64, error)
}

// Handler answers GET / with the visitor's number. Nothing else counts: not HEAD,
// no other path (404) and no other method (405). If the counter fails the answer
// is 503. Request bodies are not read.
func Handler(counter Counter) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path != "/":
			http.NotFound(w, r)
		case r.Method == http.MethodHead:
			head(w)
		case r.Method == http.MethodGet:
			visit(w, counter)
		default:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Only GET and HEAD are served here.", http.StatusMethodNotAllowed)
		}
	})
}

func head(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// A cache would answer in our place, and would not count.
	w.Header().Set("Cache-Control", "no-store")
}

func visit(w http.ResponseWriter, counter Counter) {
	n, err := counter.Next()
	if err != nil {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "The visitor counter is out of order.", http.StatusServiceUnavailable)
		return
	}
	head(w)
	answer := make([]byte, 0, 48)
	answer = append(answer, "Hello! You are visitor #"...)
	answer = strconv.AppendUint(answer, n, 10)
	answer = append(answer, "!\n"...)
	// A client that has gone away was counted all the same.
	_, _ = w.Write(answer)
}
