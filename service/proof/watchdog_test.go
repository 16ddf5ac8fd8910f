package proof

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// The watchdog is fed while the accept loops come by, and not while one is stuck.
// One gets stuck when O_NONBLOCK is removed from the socket, which all processes share
// that have it: then accept4(2) waits in the kernel, where no deadline reaches it.
func TestTheWatchdogSeesAStuckAcceptLoop(t *testing.T) {
	t.Parallel()
	const stuck = "an accept loop does not answer"
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
	p := service(t, []net.Listener{listener})
	p.watchdog = 400 * time.Millisecond
	m := manage(t, p)
	ask := func() {
		t.Helper()
		one := client{address: listener.Addr()}
		if _, err := one.fresh(0, 0); err != nil {
			t.Fatal(err)
		}
	}
	fed := func() int { return m.notified("WATCHDOG=1") }
	ask()
	for _, blocking := range []bool{false, true, false} {
		if err := syscall.SetNonblock(int(socket.Fd()), !blocking); err != nil {
			t.Fatal(err)
		}
		ask() // It wakes the accept loop, which then waits for the next one.
		if !blocking {
			before := fed()
			until(func() bool { return fed() >= before+3 })
			continue
		}
		// A slow machine may log a warning before the loop is stuck. Then it is fed once more, and
		// that is all.
		for tries := 1; ; tries++ {
			warnings, before := m.logged(stuck), fed()
			until(func() bool { return m.logged(stuck) > warnings+2 })
			n := fed() - before
			if n == 0 {
				break
			}
			if tries == 10 {
				t.Fatalf("the watchdog was fed %d times by a service that accepts no more", n)
			}
		}
	}
	if runs := m.stop(t); len(runs) != 1 || runs[0].state.ExitCode() != 0 {
		t.Fatalf("got %+v", runs)
	}
}
