// Portable-walkthrough-go counts its visitors over HTTP.
//
// It listens on the sockets that systemd hands over (socket activation,
// sd_listen_fds(3)) and keeps the count in $STATE_DIRECTORY (StateDirectory= in
// systemd.exec(5)).
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"example.org/portable-walkthrough-go/service/activation"
	"example.org/portable-walkthrough-go/service/counter"
	"example.org/portable-walkthrough-go/service/visits"
)

// drainTimeout bounds how long requests in flight may take at the end. It is
// below systemd's default TimeoutStopSec= of 90 s.
const drainTimeout = 20 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		slog.Error("stopped", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	listeners, err := activation.Listeners()
	if err != nil {
		return err
	}
	directory, err := counter.StateDirectory()
	if err != nil {
		return err
	}
	count, err := counter.Open(directory)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, count.Close()) }()

	server := &http.Server{
		Handler:           visits.Handler(count),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
	}
	failed := make(chan error, len(listeners))
	for _, listener := range listeners {
		go func() { failed <- server.Serve(listener) }()
	}
	// Without $NOTIFY_SOCKET nobody asked; then these do nothing.
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		return fmt.Errorf("notify service manager: %w", err)
	}
	select {
	case err := <-failed:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
	drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	return server.Shutdown(drain)
}
