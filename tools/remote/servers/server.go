// Package servers starts real servers for Bazel, for as long as a test or a command needs
// them: BuildBox, a remote execution engine with its cache, and nginx, an HTTP cache. They
// listen on the loopback interface and leave nothing behind.
package servers

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// Options describe a server.
type Options struct {
	// Storage is an existing directory for blobs and results. A later server may continue
	// with it.
	Storage string
	// Log receives the server's output.
	Log io.Writer
}

// A Server runs until it is closed. Bazel talks to it through a [Proxy].
type Server struct {
	// Address is that of the first proxy, for --remote_cache and --remote_executor.
	Address string

	options Options
	scheme  string
	// scratch is short, because the path of a socket may have 107 bytes.
	scratch string
	command *exec.Cmd
	done    chan struct{}
	err     error
	proxies []*Proxy
}

// start starts the server that command configures. The server listens on socket().
func start(o Options, scheme string, command func(*Server) (*exec.Cmd, error)) (_ *Server, err error) {
	s := &Server{options: o, scheme: scheme}
	if s.options.Storage, err = filepath.Abs(o.Storage); err != nil {
		return nil, err
	}
	if s.scratch, err = os.MkdirTemp("", "remote"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.command, err = command(s); err != nil {
		return nil, err
	}
	if err := s.run(); err != nil {
		return nil, err
	}
	proxy, err := s.Proxy()
	if err != nil {
		return nil, err
	}
	s.Address = proxy.Address
	return s, nil
}

func (s *Server) socket() string { return filepath.Join(s.scratch, "socket") }

// run starts the process and waits until it listens.
func (s *Server) run() error {
	s.command.Stdout, s.command.Stderr = s.options.Log, s.options.Log
	// The kernel sends the signal when the thread ends that started the process (prctl(2),
	// PR_SET_PDEATHSIG). So that thread does nothing else until the process has ended.
	s.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	started, done := make(chan error), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		err := s.command.Start()
		started <- err
		if err == nil {
			s.err = s.command.Wait()
			close(done)
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.done = done
	const patience = 2 * time.Minute
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("unix", s.socket()); err == nil {
			return conn.Close()
		}
		select {
		case <-s.done:
			return fmt.Errorf("%s ended at once: %v", s.command.Path, s.err)
		default:
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not listen after %v", s.command.Path, patience)
		}
	}
}

// Proxy starts another proxy to the server, without faults.
func (s *Server) Proxy() (*Proxy, error) {
	p, err := newProxy(s.scheme, s.socket(), log.New(s.options.Log, "proxy: ", 0))
	if err == nil {
		s.proxies = append(s.proxies, p)
	}
	return p, err
}

// Close ends the proxies and the server, and waits for that. It keeps the storage.
func (s *Server) Close() error {
	var errs []error
	for _, p := range s.proxies {
		errs = append(errs, p.Close())
	}
	if s.done != nil {
		errs = append(errs, s.stop())
	}
	return errors.Join(append(errs, os.RemoveAll(s.scratch))...)
}

func (s *Server) stop() error {
	if err := s.command.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	const patience = time.Minute
	select {
	case <-s.done:
		return nil
	case <-time.After(patience):
		err := s.command.Process.Kill()
		<-s.done
		return errors.Join(fmt.Errorf("%s ignored SIGTERM for %v and was killed", s.command.Path, patience), err)
	}
}

// find returns the program in the runfiles that a variable of SERVERS_ENV (data.bzl) names.
func find(variable string) (program.Program, error) {
	path, err := runfile.Path(variable)
	if err != nil {
		return program.Program{}, err
	}
	found, err := program.Find(path)
	if err == nil && filepath.Base(found.Path) == "absent" {
		err = errors.New("this machine has no bwrap; install bubblewrap")
	}
	return found, err
}

// wrap writes a command of that name into scratch, which starts a program with its loader.
func (s *Server) wrap(variable, name string) error {
	found, err := find(variable)
	if err != nil {
		return err
	}
	words := found.Words()
	for i, word := range words {
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", strings.Join(words, " "))
	return os.WriteFile(filepath.Join(s.scratch, name), []byte(script), 0o755)
}
