// Package fakesystemd stands in for systemd in tests and benchmarks: it holds
// listening sockets, starts a service when a connection waits on one of them
// (socket activation, sd_listen_fds(3)), listens to what it says (sd_notify(3)),
// and starts it again when it has ended and the next connection comes.
//
// A program that uses it calls [Main] first.
package fakesystemd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A Service is what to start.
type Service struct {
	Command   []string       // the program and its arguments
	Env       []string       // all of its environment but what the protocol adds
	Listeners []net.Listener // of package net, TCP or Unix

	// Files is LimitNOFILE=, or 0 for this process's own.
	Files uint64

	// Watchdog is WatchdogSec=, or 0. A service that does not report in time is
	// left alone; Heard tells.
	Watchdog time.Duration

	// Started is called with the process just after each start; nil for not.
	Started func(*os.Process)
}

// A Run is one life of the service.
type Run struct {
	State  *os.ProcessState
	Notes  []string // assignments sent, in order
	Stderr string
}

// Said reports whether the service sent an assignment.
func (r Run) Said(assignment string) bool { return slices.Contains(r.Notes, assignment) }

// A Manager manages one service. Start makes it.
type Manager struct {
	service Service
	sockets []*os.File
	notes   *net.UnixConn
	heard   chan string
	stop    [2]*os.File // a pipe; closing its end 1 ends the manager

	mu      sync.Mutex
	process *os.Process
	heardOf map[string]int // assignments, and how often each was sent
	ready   bool
	stopped bool
	runs    []Run
	err     error
	ended   chan struct{}
}

// Start waits for connections, until Stop.
func Start(service Service) (*Manager, error) {
	m := &Manager{service: service, heard: make(chan string, 1024), heardOf: map[string]int{}, ended: make(chan struct{})}
	for _, l := range service.Listeners {
		file, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			return nil, err
		}
		m.sockets = append(m.sockets, file)
	}
	var err error
	if m.stop[0], m.stop[1], err = os.Pipe(); err != nil {
		return nil, err
	}
	// In the abstract name space: a test's directory may be too deep for a path.
	name := fmt.Sprintf("@fakesystemd-%d-%p", os.Getpid(), m)
	if m.notes, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}); err != nil {
		return nil, err
	}
	go m.listen()
	go m.run()
	return m, nil
}

// Signal sends a signal to the service, if it runs.
func (m *Manager) Signal(signal syscall.Signal) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process != nil {
		_ = m.process.Signal(signal)
	}
}

// Terminate sends SIGTERM to the service if it runs and has said READY=1, and reports
// whether it did. Before, a Go program may not have caught the signal yet.
func (m *Manager) Terminate() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.process != nil && m.ready && m.process.Signal(syscall.SIGTERM) == nil
}

// Runs returns how often the service has ended.
func (m *Manager) Runs() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.runs)
}

// Stop ends the service by SIGTERM and returns its lives.
func (m *Manager) Stop() ([]Run, error) {
	m.stop[1].Close()
	m.mu.Lock()
	m.stopped = true
	m.mu.Unlock()
	m.Signal(syscall.SIGTERM)
	<-m.ended
	m.notes.Close()
	for _, file := range append(m.sockets, m.stop[0]) {
		file.Close()
	}
	return m.runs, m.err
}

func (m *Manager) run() {
	defer close(m.ended)
	for m.err == nil {
		next, err := m.prepare()
		if err != nil {
			m.err = err
			return
		}
		if !m.wait() {
			next.discard()
			return
		}
		m.err = m.start(next)
	}
}

// wait waits for a connection; false means the end.
func (m *Manager) wait() bool {
	fds := []unix.PollFd{{Fd: int32(m.stop[0].Fd()), Events: unix.POLLIN}}
	for _, file := range m.sockets {
		fds = append(fds, unix.PollFd{Fd: int32(file.Fd()), Events: unix.POLLIN})
	}
	for {
		if _, err := unix.Poll(fds, -1); !errors.Is(err, unix.EINTR) {
			return err == nil && fds[0].Revents == 0
		}
	}
}

// A prepared service is a process that has only to execute the program. So the
// time from connection to answer is that of exec and service alone.
type prepared struct {
	cmd    *exec.Cmd
	goOn   *os.File
	stderr *strings.Builder
}

func (m *Manager) prepare() (*prepared, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	p := &prepared{goOn: write, stderr: &strings.Builder{}}
	p.cmd = exec.Command("/proc/self/exe", m.service.Command...)
	p.cmd.ExtraFiles = append(slices.Clone(m.sockets), read)
	p.cmd.Stderr = p.stderr
	p.cmd.Env = append(slices.Clone(m.service.Env),
		fmt.Sprintf("LISTEN_FDS=%d", len(m.sockets)),
		"NOTIFY_SOCKET="+m.notes.LocalAddr().String(),
		fmt.Sprintf("%s=%d", asPrepared, m.service.Files))
	if m.service.Watchdog > 0 {
		p.cmd.Env = append(p.cmd.Env, fmt.Sprintf("WATCHDOG_USEC=%d", m.service.Watchdog.Microseconds()))
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *prepared) discard() {
	p.goOn.Close()
	_ = p.cmd.Wait()
}

// start lets a prepared service go, and waits for its end.
func (m *Manager) start(p *prepared) error {
	m.mu.Lock()
	m.ready = false
	m.mu.Unlock()
	_, err := p.goOn.Write([]byte("x"))
	p.goOn.Close()
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.process = p.cmd.Process
	stopped := m.stopped
	m.mu.Unlock()
	if stopped {
		m.Signal(syscall.SIGTERM)
	}
	if m.service.Started != nil {
		m.service.Started(p.cmd.Process)
	}
	err = p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return err
	}
	m.mu.Lock()
	m.process = nil
	m.mu.Unlock()
	// Not under the lock, which listen takes too.
	notes, err := m.said()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.runs = append(m.runs, Run{p.cmd.ProcessState, notes, p.stderr.String()})
	return err
}

const endOfRun = "X_END_OF_RUN=1"

// said returns what was sent until now: all that comes before our own message.
func (m *Manager) said() (notes []string, err error) {
	self, err := net.Dial("unixgram", m.notes.LocalAddr().String())
	if err != nil {
		return nil, err
	}
	defer self.Close()
	if _, err := self.Write([]byte(endOfRun)); err != nil {
		return nil, err
	}
	for {
		select {
		case message := <-m.heard:
			if message == endOfRun {
				return notes, nil
			}
			notes = append(notes, strings.Split(message, "\n")...)
		case <-time.After(10 * time.Second):
			return nil, errors.New("the notification socket is stuck")
		}
	}
}

// Heard returns how often the service has sent an assignment, in all its lives.
func (m *Manager) Heard(assignment string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.heardOf[assignment]
}

func (m *Manager) listen() {
	buffer := make([]byte, 4096)
	for {
		n, err := m.notes.Read(buffer)
		if err != nil {
			return
		}
		message := string(buffer[:n])
		m.mu.Lock()
		for assignment := range strings.SplitSeq(message, "\n") {
			m.heardOf[assignment]++
			m.ready = m.ready || assignment == "READY=1"
		}
		m.mu.Unlock()
		m.heard <- message
	}
}

const asPrepared = "FAKESYSTEMD_PREPARED"

// Main returns at once, unless the process was started to become the service. It
// belongs to the start of main or TestMain of each program that uses this package.
func Main() {
	if os.Getenv(asPrepared) == "" {
		return
	}
	if err := become(); err != nil {
		fmt.Fprintln(os.Stderr, "fakesystemd:", err)
		os.Exit(126)
	}
	os.Exit(0)
}

func become() error {
	var sockets int
	if _, err := fmt.Sscan(os.Getenv("LISTEN_FDS"), &sockets); err != nil {
		return err
	}
	goOn := os.NewFile(uintptr(3+sockets), "pipe")
	syscall.CloseOnExec(int(goOn.Fd()))
	if n, _ := goOn.Read(make([]byte, 1)); n == 0 {
		return nil // Not needed any more.
	}
	var files uint64
	if _, err := fmt.Sscan(os.Getenv(asPrepared), &files); err != nil {
		return err
	}
	if files > 0 {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: files, Max: files}); err != nil {
			return err
		}
	}
	os.Unsetenv(asPrepared)
	// Only this process knows its number before the service runs in it.
	os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	return &os.PathError{Op: "exec", Path: os.Args[1], Err: syscall.Exec(os.Args[1], os.Args[1:], os.Environ())}
}
