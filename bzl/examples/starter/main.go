// Command starter says hello over HTTP.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0) // the journal has the time
	listen := flag.String("listen", "localhost:8080", "where to listen, unless systemd hands over a socket")
	flag.Parse()
	if err := serve(*listen); err != nil {
		log.Fatal(err)
	}
}

// serve answers requests until the service is stopped.
func serve(address string) error {
	listener, err := listener(address)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Handler: handler(), ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() {
		// Requests in flight are answered.
		_ = server.Shutdown(context.Background())
	})
	log.Printf("listening on %s", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// listener is the socket that systemd hands over (sd_listen_fds(3)), or else a new one.
func listener(address string) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return net.Listen("tcp", address)
	}
	const first = 3
	return net.FileListener(os.NewFile(first, "socket"))
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "Hello from starter!")
	})
	return mux
}
