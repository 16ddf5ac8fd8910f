// Portable-walkthrough-go counts its visitors over HTTP.
//
// It listens on the sockets that systemd hands over (socket activation,
// sd_listen_fds(3)), keeps the count in $STATE_DIRECTORY (StateDirectory= in
// systemd.exec(5)), and exits when it is idle: the next request starts it again.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/service/counter"
	"example.org/portable-walkthrough-go/service/fewtasks"
	"example.org/portable-walkthrough-go/service/idle"
	"example.org/portable-walkthrough-go/service/systemd"
)

// drainTimeout bounds the graceful end. It is less than TimeoutStopSec= in the unit.
const drainTimeout = 20 * time.Second

func main() {
	log := slog.New(systemd.LogHandler(os.Stderr))
	if err := run(os.Args[1:], log); err != nil && !errors.Is(err, errDone) {
		log.Error("failed", "error", err)
		os.Exit(1)
	}
}

func run(args []string, log *slog.Logger) (err error) {
	ctx := fewtasks.OnSignal(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	options, err := parse(args, os.Stdout)
	if err != nil {
		return err
	}
	listeners, err := options.listeners()
	if err != nil {
		return err
	}
	count, err := counter.OpenState()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, count.Close()) }()
	count.Report = func(err error) {
		if err != nil {
			log.Error("visits are not counted", "error", err)
		} else {
			log.Info("visits are counted again")
		}
	}
	server, err := idle.New(listeners, counter.Handler(count.Next),
		idle.Options{Timeout: options.idleTimeout, DrainTimeout: drainTimeout, Log: log})
	if err != nil {
		return err
	}
	defer fewtasks.SpreadSoon().Stop()
	return serve(ctx, server, count, log)
}

// serve serves until the server is idle or ctx is done, and reports to the service
// manager and the log meanwhile.
func serve(ctx context.Context, server *idle.Server, count *counter.Counter, log *slog.Logger) error {
	start, first := time.Now(), count.Last()
	log.Info("started", "version", version, "visitors", first)
	notify := func(assignments ...string) {
		if err := systemd.Notify(assignments...); err != nil {
			log.Warn("the service manager is not informed", "error", err)
		}
	}
	reporting, stop := context.WithCancel(context.Background())
	defer stop()
	systemd.Reporter{
		Status: func() string {
			return fmt.Sprintf("%d visitors so far, %d connections open", count.Last(), server.Connections())
		},
		Alive: func() error {
			count.Ping()
			return server.Ping()
		},
		Log: log,
	}.Start(reporting)
	onSignal := context.AfterFunc(ctx, func() {
		notify(systemd.Stopping, systemd.ExtendTimeout(drainTimeout+5*time.Second))
	})

	err := server.Run(ctx)
	reason := "idle"
	switch signalled := !onSignal(); {
	case err != nil:
		reason = "error"
	case signalled:
		reason = "signal"
	}
	notify(systemd.Stopping)
	log.Info("stopped", "reason", reason, "visits", count.Last()-first, "visitors", count.Last(), "after", time.Since(start).Round(time.Millisecond))
	return err
}
