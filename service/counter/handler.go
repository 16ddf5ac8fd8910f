package counter

import (
	"net/http"
	"strconv"
)

// Handler answers GET / with the number that next returns, as [Counter.Next] does.
// Nothing else counts: not HEAD, no other path (404) and no other method (405). If
// next fails the answer is 503. Request bodies are not read: an answer to a request
// with one does not wait for it, and is the connection's last.
func Handler(next func() (uint64, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			// Otherwise net/http reads the body before it sends the answer.
			w.Header().Set("Connection", "close")
		}
		switch {
		case r.URL.Path != "/":
			http.NotFound(w, r)
		case r.Method == http.MethodHead:
			head(w)
		case r.Method == http.MethodGet:
			visit(w, next)
		default:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "Only GET and HEAD are served here.", http.StatusMethodNotAllowed)
		}
	})
}

func head(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	// A cache would answer without counting.
	w.Header().Set("Cache-Control", "no-store")
}

func visit(w http.ResponseWriter, next func() (uint64, error)) {
	n, err := next()
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
