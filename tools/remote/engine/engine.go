// Package engine starts a real remote execution engine, BuildBox, for as long as a test
// or a command needs it: cache, action cache and execution, on the loopback interface.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/remote/adapter"
	"example.org/portable-walkthrough-go/tools/remote/child"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// A Runner is what executes an action.
type Runner string

// The runners of BuildBox that are used.
const (
	// HostTools gives actions the root file system that the engine itself has: for
	// those that call a shell.
	HostTools Runner = "hosttools"
	// Bubblewrap gives an action a root that holds its declared inputs and nothing
	// else, and no network.
	Bubblewrap Runner = "bubblewrap"
)

// An Engine listens until it is closed.
type Engine struct {
	// Address is for --remote_executor.
	Address string

	scratch string
	casd    *child.Process
	proxy   *http.Server
}

// Options say what an engine is to be like.
type Options struct {
	// Runner executes the actions. There is no default.
	Runner Runner
	// Jobs is how many actions run at once: 1 or more. 0 stands for one on each processor.
	Jobs int
	// Storage is the directory for blobs and results. Another engine may go on with it
	// later.
	Storage string
	// Log gets what the engine has to say.
	Log io.Writer
}

// Start starts an engine. Its programs come from the runfiles that ENGINE_DATA in data.bzl
// names. Close must be called, by the same goroutine: BuildBox dies with the thread that
// started it.
func Start(ctx context.Context, o Options) (_ *Engine, err error) {
	if o.Jobs < 0 {
		return nil, fmt.Errorf("an engine of %d jobs: 1 or more can run at once; 0 stands for one on each processor", o.Jobs)
	}
	if o.Jobs == 0 {
		o.Jobs = runtime.NumCPU()
	}
	e := new(Engine)
	// Short, because a socket's path may have 107 bytes.
	if e.scratch, err = os.MkdirTemp("", "remote-engine"); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	if err := e.startBuildBox(ctx, o); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	e.proxy = adapter.New(e.socket(), log.New(o.Log, "adapter: ", 0))
	go func() { _ = e.proxy.Serve(listener) }()
	e.Address = "grpc://" + listener.Addr().String()
	return e, nil
}

func (e *Engine) socket() string { return filepath.Join(e.scratch, "casd") }

func (e *Engine) startBuildBox(ctx context.Context, o Options) error {
	casd, err := find("BUILDBOX_CASD")
	if err != nil {
		return err
	}
	if err := e.wrap("BWRAP", "bwrap"); err != nil {
		return err
	}
	args := []string{
		"--bind", "unix:" + e.socket(),
		"--jobs", strconv.Itoa(o.Jobs),
		// A failure may have been the network's.
		"--cache-failures=false",
		"--buildbox-run=" + filepath.Join(e.scratch, "run"),
	}
	switch o.Runner {
	case HostTools:
		err = e.wrap("BUILDBOX_RUN_HOSTTOOLS", "run")
		// An action's environment is what the client says; bubblewrap has no other.
		args = append(args, "--runner-arg=--clearenv")
	case Bubblewrap:
		err = e.wrap("BUILDBOX_RUN_BUBBLEWRAP", "run")
		// The other way to lay out the inputs needs /dev/fuse.
		args = append(args, "--runner-arg=--staging-mode=copy-or-link")
	default:
		err = fmt.Errorf("no runner %q: there are %q and %q", o.Runner, HostTools, Bubblewrap)
	}
	if err != nil {
		return err
	}
	cmd := casd.Command(ctx, append(args, o.Storage)...)
	// For runners: where bwrap is, and what their wrapper's shell needs.
	cmd.Env = []string{"PATH=" + e.scratch + ":/usr/bin:/bin"}
	if e.casd, err = child.Start("buildbox-casd", cmd, o.Log); err != nil {
		return err
	}
	return e.awaitBuildBox(ctx)
}

func (e *Engine) awaitBuildBox(ctx context.Context) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		if conn, err := net.Dial("unix", e.socket()); err == nil {
			return conn.Close()
		}
		select {
		case <-e.casd.Done:
			return e.casd.EndedAtOnce()
		case <-ctx.Done():
			return fmt.Errorf("buildbox-casd does not listen after %v: %w", patience, ctx.Err())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Close ends everything that Start began, and waits for that.
func (e *Engine) Close() error {
	defer runtime.UnlockOSThread()
	var errs []error
	if e.proxy != nil {
		errs = append(errs, e.proxy.Close())
	}
	if e.casd != nil {
		errs = append(errs, e.casd.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(e.scratch))...)
}

// wrap writes a command of that name, which starts a program with its own loader.
func (e *Engine) wrap(variable, name string) error {
	program, err := find(variable)
	if err != nil {
		return err
	}
	words := program.Words()
	for i, word := range words {
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s \"$@\"\n", strings.Join(words, " "))
	return os.WriteFile(filepath.Join(e.scratch, name), []byte(script), 0o755)
}

func find(variable string) (program.Program, error) {
	path, err := runfile.Path(variable)
	if err != nil {
		return program.Program{}, err
	}
	found, err := program.Find(path)
	if err == nil && filepath.Base(found.Path) == "absent" {
		err = errors.New("no bwrap on this machine; install bubblewrap")
	}
	return found, err
}
