// Package proof proves from outside what the service promises: with a stand-in for
// systemd that starts it, and clients that come at the worst moments. Its benchmark
// compares the service with others.
package proof

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/runfile"
)

var edges = flag.Int("edges", 100, "how often the service exits on idle under test")

// listeners are of all kinds that a socket unit can have.
func listeners(t *testing.T) []net.Listener {
	t.Helper()
	// Not t.TempDir(): a socket's path has at most 107 bytes.
	short, err := os.MkdirTemp("/tmp", "stress")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(short) })
	var all []net.Listener
	for _, at := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}, {"unix", filepath.Join(short, "socket")}} {
		listener, err := net.Listen(at[0], at[1])
		if err != nil {
			if at[0] == "tcp6" {
				t.Logf("no IPv6 here: %v", err)
				continue
			}
			t.Fatal(err)
		}
		t.Cleanup(func() { listener.Close() })
		all = append(all, listener)
	}
	return all
}

// environment is that of a service with a state directory of its own.
func environment(t testing.TB) []string {
	t.Helper()
	variables := []string{"STATE_DIRECTORY=" + t.TempDir()}
	if slow() {
		variables = append(variables, "GORACE="+os.Getenv("GORACE"))
	}
	return variables
}

// slow reports whether all runs under the race detector (--config=race).
func slow() bool { return os.Getenv("GORACE") != "" }

// idleTimeout is that of the services here; clients come just when it is over.
const idleTimeout = 8 * time.Millisecond

func service(tb testing.TB, at []net.Listener, args ...string) program {
	return program{name: "SERVICE", args: args, env: environment(tb), at: at[0], also: at[1:]}
}

// A tally is what clients were answered.
type tally struct {
	mu      sync.Mutex
	numbers []uint64
	lost    []error
}

func (r *tally) note(kind string, n uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.lost = append(r.lost, fmt.Errorf("%s: %w", kind, err))
		return
	}
	r.numbers = append(r.numbers, n)
}

// besiege sends requests at the idle edge until done returns true, and lets the service
// go idle after each. It ends early at the first loss.
func besiege(listeners []net.Listener, done func() bool) *tally {
	r := &tally{}
	kept := make([]client, len(listeners))
	for i := range kept {
		kept[i].address = listeners[i].Addr()
		defer kept[i].close()
	}
	around := func() time.Duration {
		return idleTimeout + time.Duration(rand.Int64N(int64(4*time.Millisecond))) - 2*time.Millisecond
	}
	for !done() && len(r.lost) == 0 {
		time.Sleep(around())
		i := rand.IntN(len(listeners))
		fresh := client{address: listeners[i].Addr()}
		switch kind := rand.IntN(8); kind {
		default:
			n, err := fresh.fresh(0, 0)
			r.note("fresh", n, err)
		case 0:
			n, err := fresh.fresh(around(), 0)
			r.note("silent", n, err)
		case 1:
			n, err := fresh.fresh(0, around())
			r.note("half-sent", n, err)
		case 2:
			n, err := kept[i].kept()
			r.note("kept", n, err)
		case 3:
			var burst sync.WaitGroup
			for _, listener := range listeners {
				for range 4 {
					burst.Go(func() {
						one := client{address: listener.Addr()}
						n, err := one.fresh(0, 0)
						r.note("burst", n, err)
					})
				}
			}
			burst.Wait()
		}
	}
	return r
}

// verdict lists what is wrong: with the answers, which must be 1, 2, 3 and so on,
// and with the service's lives.
func verdict(r *tally, runs []run) (wrong []string) {
	for _, err := range r.lost {
		wrong = append(wrong, fmt.Sprintf("not answered: %v", err))
	}
	slices.Sort(r.numbers)
	for i, n := range r.numbers {
		if n != uint64(i+1) {
			wrong = append(wrong, fmt.Sprintf("the answer that should be #%d is #%d", i+1, n))
			break
		}
	}
	for i, run := range runs {
		if run.state.ExitCode() != 0 || !slices.Contains(run.notes, "READY=1") || !slices.Contains(run.notes, "STOPPING=1") {
			wrong = append(wrong, fmt.Sprintf("life %d: %v, said %q, wrote %q", i, run.state, run.notes, run.stderr))
		}
	}
	return wrong
}

// Every request at the idle edge is answered, once, in order, over many lives.
func TestNothingIsLostAtTheIdleEdge(t *testing.T) {
	at := listeners(t)
	m := manage(t, service(t, at, "--idle-timeout="+idleTimeout.String()))
	result := besiege(at, func() bool { return m.lives() >= *edges })
	m.asleep()
	runs := m.stop(t)
	for _, wrong := range verdict(result, runs) {
		t.Error(wrong)
	}
	t.Logf("%d requests, %d idle exits", len(result.numbers), len(runs))
}

// The negative control: a service that exits by http.Server.Shutdown loses requests,
// and the same test sees it, sooner or later.
func TestShutdownLosesRequests(t *testing.T) {
	at := listeners(t)
	m := manage(t, program{name: "RIVALS", args: []string{"shutdown"}, env: environment(t), at: at[0], also: at[1:]})
	result := besiege(at, func() bool { return false })
	m.asleep()
	// Lost at the idle edge, and not because it does not work at all.
	if len(result.numbers) == 0 {
		t.Error("no request was ever answered")
	}
	for i, run := range m.stop(t) {
		if run.state.ExitCode() != 0 {
			t.Errorf("life %d: %v: %s", i, run.state, run.stderr)
		}
	}
	t.Logf("after %d requests: %v", len(result.numbers), result.lost[0])
}

// A stop under load cuts nothing off: what was begun is answered, and what was not
// waits for the next start.
func TestNothingIsLostWhenTerminated(t *testing.T) {
	at := listeners(t)
	m := manage(t, service(t, at))
	r := &tally{}
	end := load(at, 8, func(i int, kept *client) {
		if i < 4 {
			n, err := kept.kept()
			r.note("kept", n, err)
		} else {
			one := client{address: kept.address}
			n, err := one.fresh(0, 0)
			r.note("fresh", n, err)
		}
	})
	const stops = 20
	for range stops {
		time.Sleep(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		before := m.lives()
		until(func() bool { m.terminate(); return m.lives() > before })
	}
	end()
	runs := m.stop(t)
	for _, wrong := range verdict(r, runs) {
		t.Error(wrong)
	}
	t.Logf("%d requests, %d stops", len(r.numbers), len(runs))
}

// Under --config=race a program with a data race exits with status 66, so that the
// service's good ends in the other tests mean something.
func TestTheRaceDetectorIsThere(t *testing.T) {
	path, err := runfile.Path("RIVALS")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, "racy")
	cmd.Env = []string{"GORACE=" + os.Getenv("GORACE")}
	said, err := cmd.CombinedOutput()
	want := 0
	if slow() {
		want = 66
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != want {
		t.Errorf("got %v, want status %d: %s", err, want, said)
	}
}
