package activation

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNoSocketsIsAnError(t *testing.T) {
	if _, err := listeners(nil); !errors.Is(err, ErrNoSockets) {
		t.Fatalf("got %v, want ErrNoSockets: the service must not sit there and listen nowhere", err)
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
	for name, file := range map[string]*os.File{"plain file": plain, "datagram socket": datagram, "connection": connection} {
		t.Run(name, func(t *testing.T) {
			if _, err := listeners([]*os.File{file}); err == nil || !strings.Contains(err.Error(), "no listening stream socket") {
				t.Errorf("got %v, want an error that says what was passed", err)
			}
		})
	}
}
