package proof

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var kills = flag.Int("kills", 200, "how often the service is killed under test")

// Killed at any moment, the service repeats no number and none goes back. A client
// that asks after an answer was seen gets a higher number.
func TestNoNumberIsRepeatedAfterAKill(t *testing.T) {
	at := listeners(t)
	repeated := killed(t, service(t, at, "--idle-timeout=0"), func(lives int) bool { return lives >= *kills })
	if repeated != "" {
		t.Error(repeated)
	}
}

// The negative control: the walk-through's algorithm, which truncates the file and
// then writes it, starts again at 1 when it is killed in between, and the same test
// sees it, sooner or later.
func TestTruncatingRepeatsNumbers(t *testing.T) {
	t.Log(killed(t, program{name: "SEED", env: environment(t), at: listeners(t)[0]}, func(int) bool { return false }))
}

// killed kills a service under load, each time a random time after its first answer,
// until done or until a number came that is not higher than one that was seen before
// the question.
func killed(t *testing.T, p program, done func(lives int) bool) string {
	var repeated atomic.Pointer[string]
	var highest, answers atomic.Uint64
	answered := make(chan struct{})
	p.started = func(process *os.Process) {
		before := answers.Load()
		go func() {
			until(func() bool {
				select {
				case <-answered:
					return true
				default:
					// A life that ends by itself is seen below.
					return answers.Load() > before || process.Signal(syscall.Signal(0)) != nil
				}
			})
			time.Sleep(time.Duration(rand.Int64N(int64(10 * time.Millisecond))))
			_ = process.Kill()
		}()
	}
	m := manage(t, p)
	at := append([]net.Listener{p.at}, p.also...)
	end := load(at, 6, func(_ int, kept *client) {
		before := highest.Load()
		n, err := kept.kept()
		if err != nil {
			kept.close() // Killed; that was to be expected.
			return
		}
		answers.Add(1)
		if n <= before {
			text := fmt.Sprintf("got #%d after #%d was seen", n, before)
			repeated.Store(&text)
		}
		for seen := highest.Load(); n > seen && !highest.CompareAndSwap(seen, n); {
			seen = highest.Load()
		}
	})
	until(func() bool { return done(m.lives()) || repeated.Load() != nil })
	end()
	close(answered) // No client waits for the life that lasts.
	m.asleep()
	runs := m.stop(t)
	for i, run := range runs {
		if status := run.state.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
			t.Errorf("life %d: %v: %s", i, run.state, run.stderr)
		}
	}
	t.Logf("%d answers, %d kills, last number %d", answers.Load(), len(runs), highest.Load())
	if text := repeated.Load(); text != nil {
		return *text
	}
	return ""
}
