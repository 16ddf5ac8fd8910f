package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/service/fakesystemd"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// A load is what was seen with a number of connections: requests per second of each
// round, and the times of all requests.
type load struct {
	rates []float64
	times []time.Duration
}

// A server is a program under a manager, with one listener.
type server struct {
	manager  *fakesystemd.Manager
	listener net.Listener
	state    string
	process  chan *os.Process
}

func start(program string) (*server, error) {
	path, err := runfile.Path(program)
	if err != nil {
		return nil, err
	}
	s := &server{process: make(chan *os.Process, 1)}
	if s.state, err = os.MkdirTemp(*state, "bench"); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	environment := []string{"STATE_DIRECTORY=" + s.state}
	if program == "SERVICE" {
		environment = append(environment, "GOMAXPROCS=1") // As in its unit.
	}
	s.manager, err = fakesystemd.Start(fakesystemd.Service{
		Command:   []string{path},
		Env:       environment,
		Listeners: []net.Listener{s.listener},
		Started:   func(p *os.Process) { s.process <- p },
	})
	return s, err
}

func (s *server) stop() error {
	_, err := s.manager.Stop()
	return errors.Join(err, s.listener.Close(), os.RemoveAll(s.state))
}

// measure adds a round of a program to its results, and returns the kilobytes that
// are resident after 1000 requests.
func measure(program string, results map[int]*load) (rss int, err error) {
	s, err := start(program)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	conn, err := dial(s.listener.Addr())
	if err != nil {
		return 0, err
	}
	for range 1000 {
		if err := conn.ask(); err != nil {
			return 0, err
		}
	}
	conn.Close()
	if rss, err = resident(<-s.process); err != nil {
		return 0, err
	}
	for _, c := range connectionsOf(program) {
		if err := results[c].add(s.listener.Addr(), c); err != nil {
			return 0, err
		}
	}
	return rss, nil
}

func (l *load) add(address net.Addr, connections int) error {
	clients := make([]client, connections)
	for i := range clients {
		var err error
		if clients[i], err = dial(address); err != nil {
			return err
		}
		defer clients[i].Close()
	}
	var mu sync.Mutex
	var failed error
	var all sync.WaitGroup
	start := time.Now()
	before := len(l.times)
	for _, c := range clients {
		all.Go(func() {
			var times []time.Duration
			var err error
			for now := time.Now(); err == nil && now.Sub(start) < *period; {
				err = c.ask()
				then := now
				now = time.Now()
				times = append(times, now.Sub(then))
			}
			mu.Lock()
			defer mu.Unlock()
			l.times = append(l.times, times...)
			failed = errors.Join(failed, err)
		})
	}
	all.Wait()
	l.rates = append(l.rates, float64(len(l.times)-before)/time.Since(start).Seconds())
	return failed
}

// coldStart returns the time from connection to first byte, with no process running.
func coldStart(program string) (took time.Duration, err error) {
	s, err := start(program)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	// The first start makes the count's file; what follows is the usual one.
	for range 2 {
		time.Sleep(20 * time.Millisecond) // The next process gets ready to be started.
		began := time.Now()
		conn, err := dial(s.listener.Addr())
		if err != nil {
			return 0, err
		}
		if err := conn.ask(); err != nil {
			return 0, err
		}
		took = time.Since(began)
		conn.Close()
		process := <-s.process
		if err := process.Signal(syscall.SIGKILL); err != nil {
			return 0, err
		}
	}
	return took, nil
}

type client struct {
	net.Conn
	buffer []byte
}

func dial(address net.Addr) (client, error) {
	conn, err := net.Dial(address.Network(), address.String())
	if err != nil {
		return client{}, err
	}
	return client{conn, make([]byte, 4096)}, conn.SetDeadline(time.Now().Add(time.Minute))
}

var request = []byte("GET / HTTP/1.1\r\nHost: bench\r\n\r\n")

// ask sends a request and reads the answer, which ends in "!\n".
func (c client) ask() error {
	if _, err := c.Write(request); err != nil {
		return err
	}
	for n := 0; ; {
		read, err := c.Read(c.buffer[n:])
		if err != nil {
			return err
		}
		n += read
		if bytes.HasSuffix(c.buffer[:n], []byte("!\n")) {
			if !bytes.HasPrefix(c.buffer, []byte("HTTP/1.1 200 ")) {
				return fmt.Errorf("got %q", c.buffer[:n])
			}
			return nil
		}
		if n == len(c.buffer) {
			return io.ErrShortBuffer
		}
	}
}

var vmRSS = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

func resident(process *os.Process) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", process.Pid))
	if err != nil {
		return 0, err
	}
	match := vmRSS.FindSubmatch(status)
	if match == nil {
		return 0, fmt.Errorf("no VmRSS in %q", status)
	}
	return strconv.Atoi(string(match[1]))
}
