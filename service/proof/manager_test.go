package proof

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/portable-walkthrough-go/tools/runfile"
)

var delay = flag.Duration("delay", 0, "delay each start of the service by that time, as a slow machine does")

// A program is what a manager starts.
type program struct {
	name     string       // the environment variable that has its place in the runfiles
	args     []string     //
	env      []string     // all of its environment but what the protocol adds
	at       net.Listener // the socket unit's; more of them in also
	also     []net.Listener
	files    int               // LimitNOFILE=, or 0 for this process's own
	watchdog time.Duration     // WatchdogSec=, or 0; nothing happens when it is over
	started  func(*os.Process) // called before each start, with the process that becomes the service; or nil
}

// A run is one life of the service.
type run struct {
	state  *os.ProcessState
	notes  []string // assignments sent, in order
	stderr string
}

// A manager stands in for systemd: it has listening sockets, starts a service when a
// connection waits on one of them (sd_listen_fds(3)), receives what it reports
// (sd_notify(3)), and starts it again after its end when the next connection comes.
type manager struct {
	program program
	path    string
	sockets []*os.File
	notify  *net.UnixConn
	stopped [2]*os.File // a pipe; closing end 1 stops the manager

	mu      sync.Mutex
	process *os.Process
	ready   bool
	notes   []string       // of the life that lasts
	heard   map[string]int // assignments of all lives, and how often each came
	marks   chan struct{}  // gets a value for each mark
	stderr  *bytes.Buffer  // of the life that lasts
	runs    []run
	err     error
	ended   chan struct{}
}

func (m *manager) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stderr.Write(p)
}

// manage starts a manager, which waits for connections until stop.
func manage(tb testing.TB, p program) *manager {
	tb.Helper()
	m := &manager{program: p, heard: map[string]int{}, marks: make(chan struct{}, 1), stderr: &bytes.Buffer{}, ended: make(chan struct{})}
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	var err error
	m.path, err = runfile.Path(p.name)
	must(err)
	for _, l := range append([]net.Listener{p.at}, p.also...) {
		file, err := l.(interface{ File() (*os.File, error) }).File()
		must(err)
		m.sockets = append(m.sockets, file)
	}
	m.stopped[0], m.stopped[1], err = os.Pipe()
	must(err)
	// In the abstract name space: a test's directory may be too deep for a path.
	name := fmt.Sprintf("@service-proof-%d-%p", os.Getpid(), m)
	m.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	must(err)
	go m.listen()
	go m.run()
	return m
}

// terminate sends SIGTERM to the service if it runs and is ready. Before, it may not
// have caught the signal yet.
func (m *manager) terminate() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil && m.ready {
		_ = m.process.Signal(syscall.SIGTERM)
	}
}

// lives returns how often the service has ended.
func (m *manager) lives() int { return look(m, func() int { return len(m.runs) }) }

// notified returns how often the service has sent an assignment, in all its lives.
func (m *manager) notified(assignment string) int {
	return look(m, func() int { return m.heard[assignment] })
}

// logged returns how often a text is in the log of the life that lasts.
func (m *manager) logged(text string) int {
	return look(m, func() int { return strings.Count(m.stderr.String(), text) })
}

func look[T any](m *manager, at func() T) T {
	m.mu.Lock()
	defer m.mu.Unlock()
	return at()
}

// until waits for something; the test's time-out bounds that.
func until(is func() bool) {
	for !is() {
		time.Sleep(time.Millisecond)
	}
}

// asleep waits until no service runs, after the last answer to a client.
func (m *manager) asleep() {
	until(func() bool { return look(m, func() bool { return m.process == nil }) })
}

// stop ends the service by SIGTERM, if it runs, and returns its lives.
func (m *manager) stop(tb testing.TB) []run {
	tb.Helper()
	m.stopped[1].Close()
	until(func() bool {
		select {
		case <-m.ended:
			return true
		default:
			m.terminate()
			return false
		}
	})
	m.notify.Close()
	for _, file := range append(m.sockets, m.stopped[0]) {
		file.Close()
	}
	if m.err != nil {
		tb.Fatal(m.err)
	}
	return m.runs
}

func (m *manager) run() {
	defer close(m.ended)
	for m.err == nil {
		cmd, start, err := m.prepare()
		if err != nil {
			m.err = err
			return
		}
		if !m.wait() {
			start.Close()
			_ = cmd.Wait()
			return
		}
		m.err = m.live(cmd, start)
	}
}

// wait waits for a connection; false means the end.
func (m *manager) wait() bool {
	fds := []unix.PollFd{{Fd: int32(m.stopped[0].Fd()), Events: unix.POLLIN}}
	for _, file := range m.sockets {
		fds = append(fds, unix.PollFd{Fd: int32(file.Fd()), Events: unix.POLLIN})
	}
	for {
		if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
			return err == nil && fds[0].Revents == 0
		}
	}
}

// become waits for a line, and then becomes the service: LISTEN_PID is its own number.
// So the time from connection to answer is that of exec and service alone.
const become = `read -r start || exit 0
[ "$DELAY" = 0s ] || sleep "$DELAY"
[ "$FILES" = 0 ] || ulimit -n "$FILES"
export LISTEN_PID=$$
unset DELAY FILES
exec "$@" </dev/null`

func (m *manager) prepare() (*exec.Cmd, io.WriteCloser, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", become, "sh", m.path}, m.program.args...)...)
	cmd.ExtraFiles = m.sockets
	cmd.Stderr = m
	cmd.Env = append(slices.Clone(m.program.env),
		fmt.Sprintf("LISTEN_FDS=%d", len(m.sockets)),
		"NOTIFY_SOCKET="+m.notify.LocalAddr().String(),
		fmt.Sprintf("FILES=%d", m.program.files), fmt.Sprintf("DELAY=%gs", delay.Seconds()))
	if m.program.watchdog > 0 {
		cmd.Env = append(cmd.Env, fmt.Sprintf("WATCHDOG_USEC=%d", m.program.watchdog.Microseconds()))
	}
	start, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	return cmd, start, cmd.Start()
}

// live starts the service and waits for its end. The process is known before the first client
// can be answered.
func (m *manager) live(cmd *exec.Cmd, start io.WriteCloser) error {
	m.mu.Lock()
	m.process = cmd.Process
	m.mu.Unlock()
	if m.program.started != nil {
		m.program.started(cmd.Process)
	}
	_, _ = start.Write([]byte("start\n")) // It may have been killed already.
	start.Close()
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	// All that the service sent comes before our own message.
	self, err := net.Dial("unixgram", m.notify.LocalAddr().String())
	if err != nil {
		return err
	}
	defer self.Close()
	if _, err := self.Write([]byte(mark)); err != nil {
		return err
	}
	<-m.marks
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs = append(m.runs, run{cmd.ProcessState, m.notes, m.stderr.String()})
	m.process, m.ready, m.notes = nil, false, nil
	m.stderr.Reset()
	return nil
}

const mark = "X_END_OF_LIFE=1"

func (m *manager) listen() {
	buffer := make([]byte, 4096)
	for {
		n, err := m.notify.Read(buffer)
		if err != nil {
			return
		}
		if string(buffer[:n]) == mark {
			m.marks <- struct{}{}
			continue
		}
		m.mu.Lock()
		for assignment := range strings.SplitSeq(string(buffer[:n]), "\n") {
			m.notes = append(m.notes, assignment)
			m.heard[assignment]++
			m.ready = m.ready || assignment == "READY=1"
		}
		m.mu.Unlock()
	}
}
