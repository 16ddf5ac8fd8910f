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

// idleTimeout is shorter than the unit's 30 s, and else the same.
func shortIdle(t *testing.T, timeout time.Duration) {
	t.Helper()
	settings(t, service, fmt.Sprintf("[Service]\nExecStart=\nExecStart=/usr/bin/%s --idle-timeout=%v\n", name, timeout))
}

// TestIdle: left alone the service ends, and costs nothing; the socket stays, and the
// next request is counted on.
func TestIdle(t *testing.T) {
	attach(t, image)
	shortIdle(t, time.Second)
	run(t, "systemctl", "start", socket)
	before := visit(t)
	eventually(t, "the service exits when it is idle", func() bool {
		return show(t, service, "ActiveState")["ActiveState"] == "inactive"
	})
	state := show(t, service, "SubState", "Result", "ExecMainStatus", "MainPID", "MemoryCurrent", "TasksCurrent", "NRestarts")
	for property, want := range map[string]string{
		"SubState": "dead", "Result": "success", "ExecMainStatus": "0", "MainPID": "0",
		"MemoryCurrent": "[not set]", "TasksCurrent": "[not set]", "NRestarts": "0",
	} {
		if state[property] != want {
			t.Errorf("%s=%s, want %s", property, state[property], want)
		}
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/system.slice/" + service + "/cgroup.procs"); err == nil && len(text) > 0 {
		t.Errorf("processes are left in its cgroup: %s", text)
	}
	hold(t, socket, "ActiveState", "active")
	hold(t, socket, "SubState", "listening")
	if n := visit(t); n != before+1 {
		t.Errorf("visitor #%d was followed by #%d", before, n)
	}
	hold(t, service, "ActiveState", "active")
}

// TestIdleEdge has requests come just when the service exits, from before to after.
func TestIdleEdge(t *testing.T) {
	const timeout, clients = 300 * time.Millisecond, 8
	// Where the edge lies depends on how fast this machine is: without exits, nothing is
	// tested.
	const rounds, exits, mostRounds = 25, 8, 150
	attach(t, image)
	shortIdle(t, timeout)
	run(t, "systemctl", "start", socket)
	var all visitors
	all.add(fresh().visit())
	processes := map[string]bool{}
	done := 0
	for ; done < rounds || done < mostRounds && len(processes) <= exits; done++ {
		var round sync.WaitGroup
		// Of some rounds the first request comes before the exit, of others after it; the
		// exit itself takes some milliseconds here.
		edge := time.Now().Add(timeout + rand.N(80*time.Millisecond) - 20*time.Millisecond)
		for range clients {
			round.Go(func() {
				time.Sleep(time.Until(edge) + rand.N(100*time.Millisecond))
				all.add(fresh().visit())
			})
		}
		round.Wait()
		if process := mainProcess(); process != "" {
			processes[process] = true
		}
	}
	count, last := all.hold(t)
	if count != done*clients+1 {
		t.Errorf("%d answers to %d requests", count, done*clients+1)
	}
	if first := all.numbers[0]; last != first+uint64(count)-1 {
		t.Errorf("#%d to #%d for %d visitors: some numbers are skipped", first, last, count)
	}
	hold(t, socket, "ActiveState", "active")
	hold(t, socket, "Result", "success")
	hold(t, service, "NRestarts", "0")
	starts := strings.Count(journal(t), "msg=started")
	t.Logf("%d requests in %d rounds, %d starts", count, done, starts)
	if starts <= exits {
		t.Errorf("only %d starts in %d rounds: the requests have missed the edge", starts, done)
	}
}

// mainProcess is the service's process ID, read without a systemctl, which takes longer
// than the service waits; empty if it has just exited.
func mainProcess() string {
	text, _ := os.ReadFile("/sys/fs/cgroup/system.slice/" + service + "/cgroup.procs")
	return strings.TrimSpace(string(text))
}

// journal is what the service has said since it was attached the last time.
func journal(t *testing.T) string {
	t.Helper()
	run(t, "journalctl", "--sync")
	since := show(t, socket, "ActiveEnterTimestamp")["ActiveEnterTimestamp"]
	// "Tue 2026-11-24 18:44:38 UTC", of which journalctl reads the middle.
	fields := strings.Fields(since)
	if len(fields) != 4 {
		t.Fatalf("when was the socket started: %q", since)
	}
	return strings.Join(run(t, "journalctl", "--no-pager", "--unit="+service, "--since="+fields[1]+" "+fields[2]), "\n")
}
