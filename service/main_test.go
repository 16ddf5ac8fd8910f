package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// asService makes the test binary be the service.
const asService = "TEST_RUN_SERVICE"

func TestMain(m *testing.M) {
	if os.Getenv(asService) != "" {
		// systemd sets it after fork; here nobody else knows the number.
		os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func service(t *testing.T, state string, listener *net.TCPListener) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = []string{asService + "=1", "STATE_DIRECTORY=" + state}
	if listener != nil {
		file, err := listener.File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		cmd.ExtraFiles = []*os.File{file}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1")
	}
	return cmd
}

// The seed's walk-through, with this test in systemd's place: the socket is held
// here, the service starts, counts, stops, starts again and counts on.
func TestCountsAcrossRestarts(t *testing.T) {
	state := t.TempDir()
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for visitor := 1; visitor <= 4; visitor += 2 {
		cmd := service(t, state, listener)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{visitor, visitor + 1} {
			want := "Hello! You are visitor #" + strconv.Itoa(n) + "!\n"
			if got := get(t, "http://"+listener.Addr().String()); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("after SIGTERM: %v", err)
		}
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestRefusesToStart(t *testing.T) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for name, test := range map[string]struct {
		cmd  *exec.Cmd
		want string
	}{
		"no sockets":         {service(t, t.TempDir(), nil), "no sockets were passed"},
		"no state directory": {service(t, "", listener), "$STATE_DIRECTORY"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := test.cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(said), test.want) {
				t.Errorf("got %v and %q, want a failure that says %q", err, said, test.want)
			}
		})
	}
}
