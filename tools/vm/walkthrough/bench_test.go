package walkthrough

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// A contestant is an image and where it listens.
type contestant struct {
	name, address      string
	attach, activation []time.Duration
}

// TestBenchActivation measures the time from connecting to the first byte, with the
// service stopped before, and the time that attaching takes: for this image and for the
// original walk-through's, by turns.
func TestBenchActivation(t *testing.T) {
	onlyByName(t)
	ours := &contestant{name: "portable-walkthrough-go", address: "localhost:8088"}
	seed := &contestant{name: "walkthrough-seed", address: "localhost:8089"}
	both := []*contestant{ours, seed}
	const rounds = 20
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
	compare(t, "cold activation", ours.activation, seed.activation)
	compare(t, "attach", ours.attach, seed.attach)
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

func compare(t *testing.T, what string, ours, seed []time.Duration) {
	t.Helper()
	a, b := median(ours), median(seed)
	guest.Report(t, what+", this image, median", a.Seconds()*1000, "ms")
	guest.Report(t, what+", seed's image, median", b.Seconds()*1000, "ms")
	guest.Report(t, what+", ratio", float64(a)/float64(b), "×")
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}
