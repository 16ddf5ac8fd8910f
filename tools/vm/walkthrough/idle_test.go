package walkthrough

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// shortIdle has the service exit sooner than after the unit's 30 s.
func shortIdle(t *testing.T, timeout time.Duration) {
	t.Helper()
	settings(t, service, fmt.Sprintf("[Service]\nExecStart=\nExecStart=/usr/bin/%s --idle-timeout=%v\n", name, timeout))
}

// TestIdleEdge has requests come just when the service exits, from before to after.
// Where that edge lies depends on the machine: a round after which the service had
// exited makes the next one come earlier, any other one later, until both have been
// seen often enough.
func TestIdleEdge(t *testing.T) {
	once(t)
	const timeout, clients, enough = 300 * time.Millisecond, 8, 8
	attach(t, image)
	shortIdle(t, timeout)
	run(t, "systemctl", "start", socket)
	var all visitors
	all.add(fresh().visit())
	const step, spread = 20 * time.Millisecond, 100 * time.Millisecond
	wait, rounds, before, after := timeout, 0, 0, 0
	last := mainProcess()
	for end := time.Now().Add(patience); before < enough || after < enough; rounds++ {
		if time.Now().After(end) {
			t.Fatalf("in %d rounds the requests came before the exit %d times, after it %d times", rounds, before, after)
		}
		var round sync.WaitGroup
		edge := time.Now().Add(wait)
		for range clients {
			round.Go(func() {
				time.Sleep(time.Until(edge) + rand.N(spread))
				all.add(fresh().visit())
			})
		}
		round.Wait()
		switch process := mainProcess(); {
		case process == "": // It has exited once more.
		case process == last:
			before++
			wait += step
		default:
			after++
			wait = max(wait-step, 0)
			last = process
		}
	}
	count, highest := all.verify(t)
	if count != rounds*clients+1 {
		t.Errorf("%d answers to %d requests", count, rounds*clients+1)
	}
	if first := all.numbers[0]; highest != first+uint64(count)-1 {
		t.Errorf("#%d to #%d for %d visitors: some numbers are skipped", first, highest, count)
	}
	expect(t, socket, "ActiveState", "active")
	expect(t, socket, "Result", "success")
	expect(t, service, "NRestarts", "0")
	t.Logf("%d requests in %d rounds, the last ones after %v", count, rounds, wait)
	if starts := strings.Count(logged(t), "msg=started"); starts <= enough {
		t.Errorf("only %d starts: the requests have missed the edge", starts)
	}
}

// mainProcess is the service's process ID, read without a systemctl, which takes longer
// than the service waits; empty if it has just exited.
func mainProcess() string {
	text, _ := os.ReadFile("/sys/fs/cgroup/system.slice/" + service + "/cgroup.procs")
	return strings.TrimSpace(string(text))
}
