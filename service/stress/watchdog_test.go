package stress

import (
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/service/fakesystemd"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// The watchdog is fed while the accept loops come by, and not while one is stuck.
// Stuck it gets when O_NONBLOCK is taken from the socket, which all who hold it share:
// then accept4(2) waits in the kernel, where no deadline reaches it.
func TestTheWatchdogSeesAStuckAcceptLoop(t *testing.T) {
	t.Parallel()
	const watchdog = "WATCHDOG=1"
	path, err := runfile.Path("SERVICE")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	manager, err := fakesystemd.Start(fakesystemd.Service{
		Command:   []string{path},
		Env:       environment(t),
		Listeners: []net.Listener{listener},
		Watchdog:  400 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() {
		t.Helper()
		one := client{address: listener.Addr()}
		if _, err := one.fresh(0, 0); err != nil {
			t.Fatal(err)
		}
	}
	fed := func(d time.Duration) int {
		before := manager.Heard(watchdog)
		time.Sleep(d)
		return manager.Heard(watchdog) - before
	}
	block := func(blocking bool) {
		t.Helper()
		if err := syscall.SetNonblock(int(socket.Fd()), !blocking); err != nil {
			t.Fatal(err)
		}
		ask() // It wakes the accept loop, which then waits for the next one.
	}

	ask()
	if n := fed(2 * time.Second); n < 3 {
		t.Errorf("%s came %d times in five times its time", watchdog, n)
	}
	block(true)
	fed(time.Second) // What was on its way.
	if n := fed(2 * time.Second); n > 0 {
		t.Errorf("%s came %d times from a service that accepts no more", watchdog, n)
	}
	block(false)
	fed(time.Second)
	if n := fed(2 * time.Second); n < 3 {
		t.Errorf("%s came %d times after all was well again", watchdog, n)
	}
	runs, err := manager.Stop()
	if err != nil || len(runs) != 1 || runs[0].State.ExitCode() != 0 {
		t.Fatalf("got %v, %+v", err, runs)
	}
	if !strings.Contains(runs[0].Stderr, "an accept loop does not answer") {
		t.Errorf("the log does not say why: %q", runs[0].Stderr)
	}
}
