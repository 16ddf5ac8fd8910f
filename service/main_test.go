package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/service/idle"
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

// For each mistake the service prints one line with the fix, and exits with status 1.
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
		"both":               {service(t, state, listener, "--listen=127.0.0.1:0"), "leave out --listen"},
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

// Without a manager nothing would start the service again.
func TestListenSwitchesExitOnIdleOff(t *testing.T) {
	o := options{idleTimeout: time.Second, listen: []string{"127.0.0.1:0"}}
	all, err := o.listeners()
	if err != nil {
		t.Fatal(err)
	}
	defer all[0].Close()
	if o.idleTimeout != 0 {
		t.Errorf("the service would exit after %v", o.idleTimeout)
	}
}

// By hand: a Unix socket, which is gone afterwards. The service serves without a
// manager to notify, does not exit on idle, and ends on SIGTERM, but not on a SIGINT
// that its parent ignores.
func TestListen(t *testing.T) {
	t.Chdir(t.TempDir())
	cmd := service(t, t.TempDir(), nil, "--listen=127.0.0.1:0", "--listen=./socket", "--idle-timeout=1ms")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET=/nonexistent/socket")
	var log strings.Builder
	cmd.Stderr = &log
	signal.Ignore(syscall.SIGINT)
	err := cmd.Start()
	signal.Reset(syscall.SIGINT)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", "socket")
	}}}
	get := func() (err error) {
		// The service may still be starting.
		for range 1200 {
			var answer *http.Response
			if answer, err = client.Get("http://service/"); err == nil {
				return answer.Body.Close()
			}
			time.Sleep(50 * time.Millisecond)
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Process.Signal(syscall.SIGINT)
	time.Sleep(100 * time.Millisecond) // A hundred times the idle time-out.
	if err := get(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	for _, want := range []string{"msg=stopped reason=signal visits=2", "level=WARN"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %q: %s", want, &log)
		}
	}
	if _, err := os.Lstat("socket"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket was left behind: %v", err)
	}
}

// The unit's numbers agree with the program's.
func TestUnitAgrees(t *testing.T) {
	text, err := os.ReadFile("../units/portable-walkthrough-go.service")
	if err != nil {
		t.Fatal(err)
	}
	o, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("\nLimitNOFILE=%d\n", idle.MaxFiles),
		fmt.Sprintf(" --idle-timeout=%v\n", o.idleTimeout),
		fmt.Sprintf("\nTimeoutStopSec=%v\n", drainTimeout+10*time.Second),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the unit has no %q", want)
		}
	}
}
