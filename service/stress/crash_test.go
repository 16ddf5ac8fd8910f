package stress

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/service/fakesystemd"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// Killed at any moment, the service repeats no number and none goes back. Whoever
// asks after an answer gets a higher one.
func TestNoNumberIsRepeatedAfterAKill(t *testing.T) {
	killed(t, "SERVICE", listeners(t), 500, func(repeated string) { t.Error(repeated) })
}

// The negative control: the walk-through's algorithm, which truncates the file and
// then writes it, starts again at 1 when it is killed in between, and the same test
// sees it.
func TestTruncatingRepeatsNumbers(t *testing.T) {
	var seen atomic.Pointer[string]
	kills := 500
	if slow() {
		kills = 100 // Its moment is longer, too.
	}
	killed(t, "SEED", listeners(t)[:1], kills, func(repeated string) { seen.Store(&repeated) })
	if seen.Load() == nil {
		t.Fatal("no number was repeated: the test can't see what it is for")
	}
	t.Log(*seen.Load())
}

// killed kills a service under load a number of times, and reports numbers that are
// not higher than one that was seen before the question.
func killed(t *testing.T, program string, at []net.Listener, kills int, repeated func(string)) {
	path, err := runfile.Path(program)
	if err != nil {
		t.Fatal(err)
	}
	life := 25 * time.Millisecond
	if slow() {
		life *= 8
	}
	manager, err := fakesystemd.Start(fakesystemd.Service{
		Command:   []string{path, "--idle-timeout=0"},
		Env:       environment(t),
		Listeners: at,
		Started: func(process *os.Process) {
			time.AfterFunc(time.Duration(rand.Int64N(int64(life))), func() { _ = process.Kill() })
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var highest, answers atomic.Uint64
	over := make(chan struct{})
	var load sync.WaitGroup
	for i := range 6 {
		load.Go(func() {
			kept := client{address: at[i%len(at)].Addr()}
			defer kept.close()
			for {
				select {
				case <-over:
					return
				default:
				}
				before := highest.Load()
				n, err := kept.kept()
				if err != nil {
					kept.close() // Killed; that was to be expected.
					continue
				}
				answers.Add(1)
				if n <= before {
					repeated(fmt.Sprintf("got #%d after #%d was seen", n, before))
				}
				for seen := highest.Load(); n > seen && !highest.CompareAndSwap(seen, n); {
					seen = highest.Load()
				}
			}
		})
	}
	for deadline := time.Now().Add(2 * time.Minute); manager.Runs() < kills && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	close(over)
	load.Wait()
	runs, err := manager.Stop()
	if err != nil {
		t.Fatal(err)
	}
	byKill := 0
	for i, run := range runs {
		if status := run.State.Sys().(syscall.WaitStatus); status.Signaled() && status.Signal() == syscall.SIGKILL {
			byKill++
		} else if !status.Signaled() && status.ExitStatus() != 0 {
			t.Errorf("life %d: %v: %s", i, run.State, run.Stderr)
		}
	}
	if byKill < kills {
		t.Errorf("%d kills, want %d", byKill, kills)
	}
	if answers.Load() < uint64(kills) {
		t.Errorf("%d answers in %d lives prove nothing", answers.Load(), kills)
	}
	t.Logf("%d answers, %d kills, last number %d", answers.Load(), byKill, highest.Load())
}
