package systemd

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReporter(t *testing.T) {
	changes := 0
	for name, test := range map[string]struct {
		reporter Reporter
		run      time.Duration
		want     []string
		warnings int
	}{
		"the watchdog is fed twice in its time": {
			Reporter{watchdog: 4 * time.Second},
			7 * time.Second, []string{"READY=1 STATUS=fine", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"}, 0,
		},
		"a stuck service does not feed it": {
			Reporter{watchdog: 2 * time.Second, Alive: func() error { return errors.New("stuck") }},
			3500 * time.Millisecond, []string{"READY=1 STATUS=fine"}, 3,
		},
		"without a watchdog only news are sent": {
			Reporter{Status: func() string { changes++; return []string{"a", "a", "b"}[min(changes, 3)-1] }},
			21 * time.Second, []string{"READY=1 STATUS=a", "STATUS=b"}, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var sent []string
			var log strings.Builder
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithTimeout(t.Context(), test.run)
				defer stop()
				r := test.reporter
				r.Log = slog.New(slog.NewTextHandler(&log, nil))
				r.notify = func(assignments ...string) error {
					sent = append(sent, strings.Join(assignments, " "))
					return nil
				}
				if r.Status == nil {
					r.Status = func() string { return "fine" }
				}
				if r.Alive == nil {
					r.Alive = func() error { return nil }
				}
				r.Start(ctx)
				<-ctx.Done()
			})
			if warnings := strings.Count(log.String(), "level=WARN"); !slices.Equal(sent, test.want) || warnings != test.warnings {
				t.Errorf("sent %q, want %q; %d warnings, want %d", sent, test.want, warnings, test.warnings)
			}
		})
	}
}

func TestNotifyWithoutAManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Notify(Ready); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", "/nonexistent/socket")
	if err := Notify(Ready); err == nil || !strings.Contains(err.Error(), "service manager") {
		t.Errorf("got %v, want an error that names the service manager", err)
	}
}
