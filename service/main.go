// Portable-walkthrough-go counts its visitors over HTTP.
//
// It listens on the sockets that systemd hands over (socket activation,
// sd_listen_fds(3)), keeps the count in $STATE_DIRECTORY (StateDirectory= in
// systemd.exec(5)), and exits when it is idle: the next request starts it again.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"example.org/portable-walkthrough-go/service/counter"
	"example.org/portable-walkthrough-go/service/idle"
	"example.org/portable-walkthrough-go/service/journal"
	"example.org/portable-walkthrough-go/service/notify"
	"example.org/portable-walkthrough-go/service/tasks"
	"example.org/portable-walkthrough-go/service/terminate"
	"example.org/portable-walkthrough-go/service/visits"
)

func main() {
	log := slog.New(journal.Handler(os.Stderr))
	if err := run(os.Args[1:], log); err != nil && !errors.Is(err, errDone) {
		log.Error("failed", "error", err)
		os.Exit(1)
	}
}

func run(args []string, log *slog.Logger) (err error) {
	ctx, err := terminate.Context(context.Background())
	if err != nil {
		return err
	}
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
	server, err := idle.New(listeners, visits.Handler(count), options.server(log))
	if err != nil {
		return err
	}
	finish, err := report(ctx, server, count, log)
	if err != nil {
		return err
	}
	defer tasks.SpreadSoon().Stop()
	return finish(errors.Join(server.Run(ctx), notify.Send(notify.Stopping)))
}
