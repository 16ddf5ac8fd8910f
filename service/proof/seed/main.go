// Seed counts visitors with the algorithm of the walk-through that this project
// started from: read the file, write it anew, never sync. The benchmark compares.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/coreos/go-systemd/v22/activation"
)

func main() {
	listeners, err := activation.Listeners()
	if err != nil || len(listeners) == 0 {
		fmt.Fprintln(os.Stderr, "no sockets:", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	path := filepath.Join(os.Getenv("STATE_DIRECTORY"), "counter")
	handler := func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		n, err := next(path)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintf(w, "Hello! You are visitor #%d!\n", n)
	}
	fmt.Fprintln(os.Stderr, http.Serve(listeners[0], http.HandlerFunc(handler)))
	os.Exit(1)
}

func next(path string) (int, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, err
	}
	n, _ := strconv.Atoi(string(text))
	return n + 1, os.WriteFile(path, []byte(strconv.Itoa(n+1)), 0o600)
}
