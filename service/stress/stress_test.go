// Package stress proves, from outside, what the service promises: with a stand-in
// for systemd that starts it and clients that come when it hurts most.
package stress

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/service/fakesystemd"
	"example.org/portable-walkthrough-go/tools/runfile"
)

var (
	edges = flag.Int("edges", 0, "go on until the service has exited on idle that often; 0 is what suits a test")
	most  = flag.Duration("most", 10*time.Minute, "with -edges: at most that long")
)

func TestMain(m *testing.M) {
	fakesystemd.Main()
	os.Exit(m.Run())
}

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
func environment(t *testing.T) []string {
	t.Helper()
	variables := []string{"STATE_DIRECTORY=" + t.TempDir()}
	if slow() {
		variables = append(variables, "GORACE="+os.Getenv("GORACE"))
	}
	return variables
}

// slow reports whether all runs under the race detector (--config=race).
func slow() bool { return os.Getenv("GORACE") != "" }

// start starts a manager for a program whose path an environment variable names.
func start(t *testing.T, program string, listeners []net.Listener, args ...string) *fakesystemd.Manager {
	t.Helper()
	path, err := runfile.Path(program)
	if err != nil {
		t.Fatal(err)
	}
	manager, err := fakesystemd.Start(fakesystemd.Service{
		Command:   append([]string{path}, args...),
		Env:       environment(t),
		Listeners: listeners,
	})
	if err != nil {
		t.Fatal(err)
	}
	return manager
}

// idleTimeout is that of the services here; they are asked just when it is over.
const idleTimeout = 8 * time.Millisecond

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

// besiege sends requests at the idle edge until done says so, and lets the service
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
func verdict(r *tally, runs []fakesystemd.Run) (wrong []string) {
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
		if run.State.ExitCode() != 0 || !run.Said("READY=1") || !run.Said("STOPPING=1") {
			wrong = append(wrong, fmt.Sprintf("life %d: %v, said %q, wrote %q", i, run.State, run.Notes, run.Stderr))
		}
	}
	return wrong
}

// stop waits until the service has gone idle, so that nothing is cut off.
func stop(t *testing.T, manager *fakesystemd.Manager) []fakesystemd.Run {
	t.Helper()
	for runs := -1; runs != manager.Runs(); time.Sleep(20 * idleTimeout) {
		runs = manager.Runs()
	}
	runs, err := manager.Stop()
	if err != nil {
		t.Fatal(err)
	}
	return runs
}

// Every request at the idle edge is answered, once, in order, over many lives.
func TestNothingIsLostAtTheIdleEdge(t *testing.T) {
	const enough = 150
	at := listeners(t)
	manager := start(t, "SERVICE", at, "--idle-timeout="+idleTimeout.String())
	began := time.Now()
	done := func() bool { return manager.Runs() >= enough || time.Since(began) > time.Minute }
	if *edges > 0 {
		done = func() bool { return manager.Runs() >= *edges || time.Since(began) > *most }
	}
	result := besiege(at, done)
	runs := stop(t, manager)
	for _, wrong := range verdict(result, runs) {
		t.Error(wrong)
	}
	if len(runs) < 100 {
		t.Errorf("the service exited on idle %d times; with less than 100 this proves nothing", len(runs))
	}
	t.Logf("%d requests, %d idle exits in %v", len(result.numbers), len(runs), time.Since(began).Round(time.Second))
}

// The negative control: a service that exits by http.Server.Shutdown loses
// requests, and the same test sees it.
func TestShutdownLosesRequests(t *testing.T) {
	at := listeners(t)
	manager := start(t, "SHUTDOWN", at, "--idle-timeout="+idleTimeout.String())
	began := time.Now()
	result := besiege(at, func() bool { return time.Since(began) > 2*time.Minute })
	runs := stop(t, manager)
	if len(result.lost) == 0 {
		t.Fatalf("%d requests, and none was lost: the test can't see what it is for", len(result.numbers))
	}
	// Lost at the idle edge, and not because it does not work at all.
	if len(result.numbers) == 0 {
		t.Error("nothing was ever answered")
	}
	for i, run := range runs {
		if run.State.ExitCode() != 0 {
			t.Errorf("life %d: %v: %s", i, run.State, run.Stderr)
		}
	}
	t.Logf("after %d requests: %v", len(result.numbers), result.lost[0])
}

// A stop under load cuts nothing off: what was begun is answered, and what was not
// waits for the next start.
func TestNothingIsLostWhenTerminated(t *testing.T) {
	at := listeners(t)
	manager := start(t, "SERVICE", at)
	r := &tally{}
	over := make(chan struct{})
	var load sync.WaitGroup
	for i := range 8 {
		load.Go(func() {
			kept := client{address: at[i%len(at)].Addr()}
			defer kept.close()
			for {
				select {
				case <-over:
					return
				default:
				}
				if i < 4 {
					n, err := kept.kept()
					r.note("kept", n, err)
				} else {
					one := client{address: kept.address}
					n, err := one.fresh(0, 0)
					r.note("fresh", n, err)
				}
			}
		})
	}
	const stops = 20
	for range stops {
		time.Sleep(time.Duration(rand.Int64N(int64(50 * time.Millisecond))))
		for before := manager.Runs(); manager.Runs() == before; time.Sleep(time.Millisecond) {
			manager.Terminate()
		}
	}
	close(over)
	load.Wait()
	for before := manager.Runs(); manager.Runs() == before && manager.Terminate(); time.Sleep(time.Millisecond) {
	}
	runs, err := manager.Stop()
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range verdict(r, runs) {
		t.Error(wrong)
	}
	if len(runs) < stops {
		t.Errorf("the service was stopped %d times, want %d", len(runs), stops)
	}
	t.Logf("%d requests, %d stops", len(r.numbers), len(runs))
}
