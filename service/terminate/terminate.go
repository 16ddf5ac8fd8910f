// Package terminate tells when the service manager, or a person at a keyboard, asks
// the process to end: by SIGTERM or SIGINT.
//
// Package os/signal would do, but it takes three threads for itself. Portable
// services under the profile "strict" may have four in all, of which Go's runtime
// has three, and it ends the program when it can't start one. So here the signals'
// handler is our own, a few instructions that write to an eventfd(2), for which a
// goroutine waits like for any socket. Before [Context] is called the signals end
// the process, as they should: nothing was begun.
package terminate

import (
	"context"
	"fmt"
	"sync"
	"syscall"
)

// signals are what systemd sends to stop a service, and what Ctrl-C sends.
var signals = []syscall.Signal{syscall.SIGTERM, syscall.SIGINT}

// asked is closed when the first of the signals comes. A process has one
// disposition for each signal, so there is one of it.
var asked = sync.OnceValues(func() (<-chan struct{}, error) { return catch(signals) })

// Context returns a context that is done when SIGTERM or SIGINT comes, or parent is.
// From the first call on these signals no longer end the process, however many
// come: what is being answered is answered. If the process's parent ignored SIGINT, as
// a shell does for a program in the background, that stays ignored.
func Context(parent context.Context) (context.Context, error) {
	came, err := asked()
	if err != nil {
		return nil, fmt.Errorf("catch SIGTERM: %w", err)
	}
	ctx, cancel := context.WithCancel(parent)
	go func() {
		defer cancel()
		select {
		case <-came:
		case <-ctx.Done():
		}
	}()
	return ctx, nil
}
