package systemd

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Assignments for [Notify].
const (
	Ready    = daemon.SdNotifyReady    // The service serves.
	Stopping = daemon.SdNotifyStopping // The service is about to end; systemd takes that as final.
)

// ExtendTimeout asks the manager to wait that long from now for the end, even if
// its own time-out (TimeoutStopSec=) is over before.
func ExtendTimeout(d time.Duration) string {
	return fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", d.Microseconds())
}

// Notify sends assignments such as READY=1 to $NOTIFY_SOCKET (sd_notify(3)). Without
// that variable it sends nothing. A service should log an error and go on: whether
// the manager hears of it does not matter to the service's clients.
func Notify(assignments ...string) error {
	if _, err := daemon.SdNotify(false, strings.Join(assignments, "\n")); err != nil {
		return fmt.Errorf("notify the service manager: %w", err)
	}
	return nil
}

// statusInterval is how often a status is looked at without a watchdog.
const statusInterval = 5 * time.Second

// A Reporter keeps the service manager informed.
type Reporter struct {
	// Status returns the text that systemctl status shows.
	Status func() string

	// Alive returns an error, or does not return, if the service is stuck. Then
	// WATCHDOG=1 is withheld.
	Alive func() error

	// Log takes warnings: the errors of Alive, and those of sending.
	Log *slog.Logger

	notify   func(assignments ...string) error // Notify, but for tests
	watchdog time.Duration                     // the time within which the manager wants WATCHDOG=1, or 0
}

// Start reports that the service is ready, and its status, in one message. Until ctx
// is done it then reports the status when it has changed, and that the service is
// alive if the manager wants that ($WATCHDOG_USEC, set by WatchdogSec=): twice in
// the watchdog's time, or every 5 s.
func (r Reporter) Start(ctx context.Context) {
	if r.notify == nil {
		var err error
		r.notify = Notify
		if r.watchdog, err = daemon.SdWatchdogEnabled(true); err != nil {
			r.Log.Warn("no watchdog: $WATCHDOG_USEC or $WATCHDOG_PID is wrong", "error", err)
		}
	}
	status := "STATUS=" + r.Status()
	r.send(Ready, status)
	go r.run(ctx, status)
}

func (r Reporter) send(assignments ...string) {
	if err := r.notify(assignments...); err != nil {
		r.Log.Warn("the service goes on without its manager's knowledge", "error", err)
	}
}

func (r Reporter) run(ctx context.Context, reported string) {
	interval := statusInterval
	if r.watchdog > 0 {
		interval = min(interval, r.watchdog/2)
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
		if status := "STATUS=" + r.Status(); status != reported {
			news, reported = append(news, status), status
		}
		if r.watchdog > 0 {
			if err := r.Alive(); err != nil {
				r.Log.Warn("the watchdog is not fed", "error", err)
			} else {
				news = append(news, daemon.SdNotifyWatchdog)
			}
		}
		if len(news) > 0 {
			r.send(news...)
		}
	}
}
