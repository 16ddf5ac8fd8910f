package main

import (
	"context"
	"errors"
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
		if _, set := os.LookupEnv("LISTEN_PID"); !set && os.Getenv("LISTEN_FDS") != "" {
			os.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
		}
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func service(t *testing.T, state string, listener *net.TCPListener, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
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

// Each mistake is one line on standard error that says what to do, and status 1.
func TestRefusesToStart(t *testing.T) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	// with adds to an environment; the last one of a name counts.
	with := func(cmd *exec.Cmd, variables ...string) *exec.Cmd {
		cmd.Env = append(cmd.Env, variables...)
		return cmd
	}
	state := t.TempDir()
	for name, test := range map[string]struct {
		cmd  *exec.Cmd
		want string
	}{
		"no sockets":         {service(t, state, nil), "nowhere to listen"},
		"both":               {service(t, state, listener, "--listen=127.0.0.1:0"), "only one of them"},
		"no sockets passed":  {with(service(t, state, nil), "LISTEN_FDS=0"), "$LISTEN_FDS is"},
		"negative":           {with(service(t, state, nil), "LISTEN_FDS=-1"), "$LISTEN_FDS is"},
		"junk":               {with(service(t, state, nil), "LISTEN_FDS=x"), "$LISTEN_FDS is"},
		"another's sockets":  {with(service(t, state, listener), "LISTEN_PID=1"), "$LISTEN_PID is 1"},
		"no state directory": {service(t, "", listener), "$STATE_DIRECTORY"},
		"relative":           {service(t, "state", listener), "$STATE_DIRECTORY"},
		"missing":            {service(t, state+"/missing", listener), "no such file"},
		"port alone":         {service(t, state, nil, "--listen=8088"), "HOST:PORT"},
		"port in use":        {service(t, state, nil, "--listen="+listener.Addr().String()), "address already in use"},
		"no unit of time":    {service(t, state, nil, "--idle-timeout=30"), "idle-timeout"},
		"negative time":      {service(t, state, nil, "--idle-timeout=-1s"), "never"},
		"unknown flag":       {service(t, state, nil, "--lisen=x"), "lisen"},
		"unknown argument":   {service(t, state, nil, "localhost:8088"), "unknown argument"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := test.cmd.CombinedOutput()
			if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("got %v, want exit status 1", err)
			}
			if !strings.Contains(string(said), test.want) || strings.Count(string(said), "\n") != 1 {
				t.Errorf("got %q, want one line with %q", said, test.want)
			}
		})
	}
}

func TestHelpAndVersion(t *testing.T) {
	for flag, want := range map[string]string{
		"--help":    "--idle-timeout=DURATION",
		"--version": "portable-walkthrough-go " + version,
	} {
		said, err := service(t, "", nil, flag).Output()
		if err != nil || !strings.Contains(string(said), want) {
			t.Errorf("%s: got %v and %q, want %q", flag, err, said, want)
		}
	}
}

// By hand: a TCP port and a Unix socket, which is gone afterwards.
func TestListen(t *testing.T) {
	t.Chdir(t.TempDir())
	cmd := service(t, t.TempDir(), nil, "--listen=127.0.0.1:0", "--listen=./socket", "--idle-timeout=1ms")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", "socket")
	}}}
	var answer *http.Response
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var err error
		if answer, err = client.Get("http://service/"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	answer.Body.Close()
	// It would have exited by now, had somebody else held the socket.
	time.Sleep(100 * time.Millisecond)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if _, err := os.Lstat("socket"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
}
