// Package bench measures, inside a virtual machine, what systemd and the image cost
// together: ours and the walk-through's own, by turns.
package bench

import (
	"io"
	"net"
	"os/exec"
	"slices"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

const rounds = 20

// A contestant is an image and where it listens.
type contestant struct {
	name, address      string
	attach, activation []time.Duration
}

func run(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%q: %v: %s", command, err, out)
	}
}

// TestActivation measures from connecting to the first byte, with the service
// stopped before, and how long attaching takes.
func TestActivation(t *testing.T) {
	ours := &contestant{name: "portable-walkthrough-go", address: "localhost:8088"}
	seed := &contestant{name: "walkthrough-seed", address: "localhost:8089"}
	both := []*contestant{ours, seed}
	for round := range rounds {
		// By turns, and each first in half of the rounds.
		slices.Reverse(both)
		for _, c := range both {
			started := time.Now()
			run(t, "portablectl", "attach", guest.Files+"/"+c.name+".raw")
			took := time.Since(started)
			run(t, "systemctl", "start", c.name+".socket")
			activation := firstByte(t, c.address)
			run(t, "systemctl", "stop", c.name+".service", c.name+".socket")
			run(t, "portablectl", "detach", c.name)
			// The first round fills caches.
			if round > 0 {
				c.attach, c.activation = append(c.attach, took), append(c.activation, activation)
			}
		}
	}
	report(t, "cold activation", ours.activation, seed.activation)
	report(t, "attach", ours.attach, seed.attach)
}

func firstByte(t *testing.T, address string) time.Duration {
	t.Helper()
	started := time.Now()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(started.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	return time.Since(started)
}

func report(t *testing.T, what string, ours, seed []time.Duration) {
	t.Helper()
	a, b := median(ours), median(seed)
	guest.Figure(t, what+", this image, median", a.Seconds()*1000, "ms")
	guest.Figure(t, what+", seed's image, median", b.Seconds()*1000, "ms")
	guest.Figure(t, what+", ratio", float64(a)/float64(b), "×")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
