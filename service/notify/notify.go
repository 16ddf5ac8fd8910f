// Package notify tells the service manager how a service is (sd_notify(3)).
package notify

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Send sends assignments such as READY=1 to $NOTIFY_SOCKET. Without that variable
// nobody asked, and nothing is sent.
func Send(assignments ...string) error {
	if _, err := daemon.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		return fmt.Errorf("notify service manager: %w", err)
	}
	return nil
}

// Status is what systemctl status shows.
func Status(text string) string { return "STATUS=" + text }

// ExtendTimeout asks the manager to wait that long from now for the end, even if
// its own time-out (TimeoutStopSec=) is over before.
func ExtendTimeout(d time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds())
}

const (
	Ready    = daemon.SdNotifyReady    // The service serves.
	Stopping = daemon.SdNotifyStopping // The service is about to end; systemd takes that as final.
)

// statusInterval is how often the status is looked at when no watchdog asks more
// often.
const statusInterval = 5 * time.Second

// A Reporter keeps the manager informed.
type Reporter struct {
	// Send sends assignments; nil means [Send].
	Send func(assignments ...string) error

	// Watchdog is the time within which the manager wants WATCHDOG=1, or 0;
	// [WatchdogTimeout] knows.
	Watchdog time.Duration

	// Status returns the status. It is sent when it has changed.
	Status func() string

	// Alive returns an error, or nothing at all, if the service has got stuck. Then
	// WATCHDOG=1 is withheld.
	Alive func() error

	// Failed takes the errors of Alive and Send; the reporter goes on.
	Failed func(error)
}

// WatchdogTimeout is what the manager set for this process (WatchdogSec=), or 0.
func WatchdogTimeout() (time.Duration, error) {
	timeout, err := daemon.SdWatchdogEnabled(true)
	if err != nil {
		return 0, fmt.Errorf("$WATCHDOG_USEC or $WATCHDOG_PID: %w", err)
	}
	return timeout, nil
}

// Start tells that the service is ready, and its status, in one message. Then it
// reports until ctx is done: twice in the watchdog's time, or every 5 s.
func (r Reporter) Start(ctx context.Context) error {
	if r.Send == nil {
		r.Send = Send
	}
	status := Status(r.Status())
	if err := r.Send(Ready, status); err != nil {
		return err
	}
	go r.run(ctx, status)
	return nil
}

func (r Reporter) run(ctx context.Context, reported string) {
	interval := statusInterval
	if r.Watchdog > 0 {
		interval = min(interval, r.Watchdog/2)
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		var news []string
		if status := Status(r.Status()); status != reported {
			news, reported = append(news, status), status
		}
		if r.Watchdog > 0 {
			if err := r.Alive(); err != nil {
				r.Failed(fmt.Errorf("watchdog: %w", err))
			} else {
				news = append(news, daemon.SdNotifyWatchdog)
			}
		}
		if len(news) > 0 {
			if err := r.Send(news...); err != nil {
				r.Failed(err)
			}
		}
	}
}
