package notify

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// reported runs a reporter for a time and returns what it sent.
func reported(t *testing.T, r Reporter, d time.Duration) []string {
	t.Helper()
	var sent []string
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), d)
		defer stop()
		r.Send = func(assignments ...string) error {
			sent = append(sent, strings.Join(assignments, " "))
			return nil
		}
		if err := r.Start(ctx); err != nil {
			t.Fatal(err)
		}
		<-ctx.Done()
	})
	return sent
}

func TestTheWatchdogIsFedTwiceInItsTime(t *testing.T) {
	r := Reporter{Watchdog: 4 * time.Second, Status: func() string { return "fine" }, Alive: func() error { return nil }}
	want := []string{"READY=1 STATUS=fine", "WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"}
	if got := reported(t, r, 7*time.Second); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAStuckServiceDoesNotFeedIt(t *testing.T) {
	var failures []error
	r := Reporter{
		Watchdog: 2 * time.Second,
		Status:   func() string { return "fine" },
		Alive:    func() error { return errors.New("stuck") },
		Failed:   func(err error) { failures = append(failures, err) },
	}
	if got := reported(t, r, 3500*time.Millisecond); !slices.Equal(got, []string{"READY=1 STATUS=fine"}) || len(failures) != 3 {
		t.Errorf("sent %q, failures %v", got, failures)
	}
}

func TestWithoutAWatchdogOnlyNewsAreSent(t *testing.T) {
	calls := 0
	r := Reporter{Status: func() string { calls++; return []string{"a", "a", "b"}[min(calls, 3)-1] }}
	if got := reported(t, r, 21*time.Second); !slices.Equal(got, []string{"READY=1 STATUS=a", "STATUS=b"}) {
		t.Errorf("got %q", got)
	}
}

func TestAManagerThatCantBeToldIsAnError(t *testing.T) {
	r := Reporter{Status: func() string { return "fine" }, Send: func(...string) error { return errors.New("gone") }}
	if err := r.Start(t.Context()); err == nil {
		t.Error("it started all the same")
	}
}

func TestSendWithoutAManager(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	if err := Send(Ready); err != nil {
		t.Error(err)
	}
	t.Setenv("NOTIFY_SOCKET", "/nonexistent/socket")
	if err := Send(Ready); err == nil || !strings.Contains(err.Error(), "service manager") {
		t.Errorf("got %v, want an error that says who can't be reached", err)
	}
}
