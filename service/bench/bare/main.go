// Bare is a net/http server that counts nothing: what the benchmark's other
// servers can at best be.
package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/coreos/go-systemd/v22/activation"
)

func main() {
	listeners, err := activation.Listeners()
	if err != nil || len(listeners) == 0 {
		fmt.Fprintln(os.Stderr, "no sockets:", err)
		os.Exit(1)
	}
	hello := []byte("Hello! You are visitor #1!\n")
	handler := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(hello) }
	fmt.Fprintln(os.Stderr, http.Serve(listeners[0], http.HandlerFunc(handler)))
	os.Exit(1)
}
