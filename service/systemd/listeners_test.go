package systemd

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Where go-systemd silently returns no sockets, an error names the mistake: the service
// must not run without listening.
func TestCount(t *testing.T) {
	const self = 42
	for name, test := range map[string]struct{ pid, fds, want string }{
		"neither":           {"", "", "no sockets were passed"},
		"no sockets":        {"42", "0", `$LISTEN_FDS is "0"`},
		"negative":          {"42", "-1", `$LISTEN_FDS is "-1"`},
		"junk":              {"42", "two", `$LISTEN_FDS is "two"`},
		"far too many":      {"42", "1000000000", `$LISTEN_FDS is "1000000000"`},
		"no number at all":  {"42", "", `$LISTEN_FDS is ""`},
		"no process":        {"", "1", `$LISTEN_PID is ""`},
		"junk process":      {"x", "1", `$LISTEN_PID is "x"`},
		"another's":         {"43", "1", "$LISTEN_PID is 43, but this is process 42"},
		"trailing junk":     {"42", "1 ", `$LISTEN_FDS is "1 "`},
		"no process number": {"0", "1", `$LISTEN_PID is "0"`},
	} {
		t.Run(name, func(t *testing.T) {
			if n, err := count(test.pid, test.fds, self); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %d, %v, want an error with %q", n, err, test.want)
			}
		})
	}
	if n, err := count("42", "3", self); n != 3 || err != nil {
		t.Errorf("got %d, %v, want 3", n, err)
	}
}

// Whatever the environment says, the number of sockets is within the bounds.
func FuzzCount(f *testing.F) {
	for _, seed := range [][2]string{{"1", "1"}, {"", ""}, {"1", "-1"}, {"1", "99999999999999999999"}, {"+1", "0x1"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pid, fds string) {
		if n, err := count(pid, fds, 1); err == nil && (n < 1 || n > maxSockets) || err != nil && n != 0 {
			t.Errorf("LISTEN_PID=%q LISTEN_FDS=%q: got %d, %v", pid, fds, n, err)
		}
	})
}

func TestAFileDescriptorThatIsNotOpen(t *testing.T) {
	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	t.Setenv("LISTEN_FDS", "4000")
	if _, err := Listeners(); err == nil || !strings.Contains(err.Error(), "file descriptor 4002 is not open") {
		t.Errorf("got %v", err)
	}
}

func TestListenersAccept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	var files []*os.File
	for _, at := range [][2]string{{"tcp", "127.0.0.1:0"}, {"unix", path}} {
		listener, err := net.Listen(at[0], at[1])
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		file, err := listener.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	got, err := listeners(files)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 {
		t.Fatalf("got %d listeners, want 2", len(got))
	}
	for _, listener := range got {
		conn, err := net.Dial(listener.Addr().Network(), listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		accepted.Close()
		listener.Close()
	}
	// The next activation would find no socket there.
	if _, err := os.Stat(path); err != nil {
		t.Errorf("closing a passed listener removed the service manager's socket: %v", err)
	}
}

func TestNotAListener(t *testing.T) {
	plain, err := os.Create(filepath.Join(t.TempDir(), "plain"))
	if err != nil {
		t.Fatal(err)
	}
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	datagram, err := packets.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	conn, err := net.Dial("tcp", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	connection, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	packetPath := filepath.Join(t.TempDir(), "packets")
	sequenced, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: packetPath, Net: "unixpacket"})
	if err != nil {
		t.Fatal(err)
	}
	defer sequenced.Close()
	packet, err := sequenced.File()
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]*os.File{"listens for packets": packet, "plain file": plain, "datagram socket": datagram, "connection": connection} {
		t.Run(name, func(t *testing.T) {
			if _, err := listeners([]*os.File{file}); err == nil || !strings.Contains(err.Error(), "not a listening stream socket") {
				t.Errorf("got %v, want an error that says what was passed", err)
			}
		})
	}
}
