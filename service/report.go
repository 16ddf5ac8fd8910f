package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"example.org/portable-walkthrough-go/service/counter"
	"example.org/portable-walkthrough-go/service/idle"
	"example.org/portable-walkthrough-go/service/notify"
)

// drainTimeout bounds the graceful end. It is less than TimeoutStopSec= in the unit.
const drainTimeout = 20 * time.Second

// report tells the log and the service manager that the service is ready, and from
// then on how it is, until the function that it returns is called with what the
// service ended with, which that returns. ctx is done when the service is to stop.
func report(ctx context.Context, server *idle.Server, count *counter.Counter, log *slog.Logger) (finish func(error) error, err error) {
	start, first := time.Now(), count.Last()
	log.Info("started", "version", version, "visitors", first)
	failed := func(err error) { log.Warn("service manager not informed", "error", err) }
	count.Report = func(err error) {
		if err != nil {
			log.Error("visits are not counted", "error", err)
		} else {
			log.Info("visits are counted again")
		}
	}

	watchdog, err := notify.WatchdogTimeout()
	if err != nil {
		failed(err)
	}
	reporter := notify.Reporter{
		Watchdog: watchdog,
		Status: func() string {
			return fmt.Sprintf("%d visitors so far, %d connections open", count.Last(), server.Connections())
		},
		Alive: func() error {
			count.Ping()
			return server.Ping()
		},
		Failed: failed,
	}
	running, stop := context.WithCancel(context.Background())
	if err := reporter.Start(running); err != nil {
		stop()
		return nil, err
	}

	undo := context.AfterFunc(ctx, func() {
		if err := notify.Send(notify.Stopping, notify.ExtendTimeout(drainTimeout+5*time.Second)); err != nil {
			failed(err)
		}
	})
	return func(err error) error {
		reason := "idle"
		switch signalled := !undo(); {
		case err != nil:
			reason = "error"
		case signalled:
			reason = "signal"
		}
		stop()
		log.Info("stopped", "reason", reason, "visits", count.Last()-first, "visitors", count.Last(), "after", time.Since(start).Round(time.Millisecond))
		return err
	}, nil
}
