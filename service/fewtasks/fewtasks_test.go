package fewtasks

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestScarce(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"strict":      {map[string]string{"/proc/self/cgroup": "0::/system.slice/a.service\n", "/sys/fs/cgroup/system.slice/a.service/pids.max": "4\n"}, true},
		"default":     {map[string]string{"/proc/self/cgroup": "0::/system.slice/a.service\n", "/sys/fs/cgroup/system.slice/a.service/pids.max": "4915\n"}, false},
		"slice":       {map[string]string{"/proc/self/cgroup": "0::/small.slice/a.service\n", "/sys/fs/cgroup/small.slice/a.service/pids.max": "max\n", "/sys/fs/cgroup/small.slice/pids.max": "63\n"}, true},
		"just enough": {map[string]string{"/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/pids.max": "64\n"}, false},
		"no limit":    {map[string]string{"/proc/self/cgroup": "0::/a\n", "/sys/fs/cgroup/a/pids.max": "max\n"}, false},
		"version 1":   {map[string]string{"/proc/self/cgroup": "9:name=systemd:/\n8:pids:/a\n0::/\n", "/sys/fs/cgroup/pids/a/pids.max": "4\n"}, true},
		"not mounted": {map[string]string{"/proc/self/cgroup": "0::/a\n"}, false},
		"no proc":     {nil, false},
		"junk":        {map[string]string{"/proc/self/cgroup": "what\n"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := scarce(func(path string) ([]byte, error) {
				if text, ok := test.files[path]; ok {
					return []byte(text), nil
				}
				return nil, os.ErrNotExist
			}, 64)
			if got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestSync(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	defer write.Close()
	for _, raw := range []bool{true, false} {
		if err := fdatasync(file, raw); err != nil {
			t.Errorf("raw %v: %v", raw, err)
		}
		if err := fdatasync(write, raw); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("raw %v: got %v of a pipe", raw, err)
		}
	}
}

// net/http treats errors differently that are no *net.OpError of package net's kind.
func TestConnFailsAsNetDoes(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, breakIt := range map[string]func(client *net.TCPConn, server net.Conn) error{
		"reset":    func(client *net.TCPConn, _ net.Conn) error { return errors.Join(client.SetLinger(0), client.Close()) },
		"closed":   func(_ *net.TCPConn, server net.Conn) error { return server.Close() },
		"deadline": func(_ *net.TCPConn, server net.Conn) error { return server.SetDeadline(time.Unix(1, 0)) },
		"end":      func(client *net.TCPConn, _ net.Conn) error { return client.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			// failures are what reading and then writing ends with.
			failures := func(wrap func(net.Conn) net.Conn) (failed [2]error) {
				client, err := net.Dial("tcp", listener.Addr().String())
				if err != nil {
					t.Fatal(err)
				}
				defer client.Close()
				server, err := listener.Accept()
				if err != nil {
					t.Fatal(err)
				}
				defer server.Close()
				if err := breakIt(client.(*net.TCPConn), server); err != nil {
					t.Fatal(err)
				}
				wrapped := wrap(server)
				_, failed[0] = wrapped.Read(make([]byte, 1))
				if name != "end" {
					_, failed[1] = wrapped.Write([]byte("x"))
				}
				return failed
			}
			got, want := failures(Conn), failures(func(c net.Conn) net.Conn { return c })
			for i := range want {
				if !alike(got[i], want[i]) {
					t.Errorf("got %#v, want %#v", got[i], want[i])
				}
			}
		})
	}
}

// alike compares what does not depend on the ports.
func alike(a, b error) bool {
	var one, other *net.OpError
	if !errors.As(a, &one) || !errors.As(b, &other) {
		return a == b
	}
	return one.Op == other.Op && one.Net == other.Net && one.Timeout() == other.Timeout() && one.Err.Error() == other.Err.Error()
}
