// Shutdown is how not to do it: a visitor counter that exits on idle as most do, by
// a timer that connections stop, and http.Server.Shutdown. It is the negative control
// of the stress test, which must see it lose requests.
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"example.org/portable-walkthrough-go/service/activation"
	"example.org/portable-walkthrough-go/service/counter"
	"example.org/portable-walkthrough-go/service/notify"
	"example.org/portable-walkthrough-go/service/visits"
)

func main() {
	timeout := flag.Duration("idle-timeout", time.Second, "")
	flag.Parse()
	if err := run(*timeout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(timeout time.Duration) error {
	listeners, err := activation.Listeners()
	if err != nil {
		return err
	}
	count, err := counter.OpenState()
	if err != nil {
		return err
	}
	tracker := &tracker{timeout: timeout, open: map[net.Conn]bool{}}
	tracker.timer = time.NewTimer(timeout)
	server := &http.Server{Handler: visits.Handler(count), ConnState: tracker.changed, ReadHeaderTimeout: 10 * time.Second}
	for _, listener := range listeners {
		go func() { _ = server.Serve(listener) }()
	}
	if err := notify.Send(notify.Ready); err != nil {
		return err
	}
	<-tracker.timer.C
	if err := notify.Send(notify.Stopping); err != nil {
		return err
	}
	if err := server.Shutdown(context.Background()); err != nil {
		return err
	}
	return count.Close()
}

// A tracker's timer runs while no connection is in use.
type tracker struct {
	timeout time.Duration
	timer   *time.Timer
	mu      sync.Mutex
	open    map[net.Conn]bool
}

func (t *tracker) changed(conn net.Conn, state http.ConnState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch state {
	case http.StateNew, http.StateActive:
		t.open[conn] = true
		t.timer.Stop()
	default:
		delete(t.open, conn)
		if len(t.open) == 0 {
			t.timer.Reset(t.timeout)
		}
	}
}
