// Remote starts a remote execution engine, or an HTTP cache, for a command, and ends it
// afterwards. Only for tests and for trying things out: see README.md.
//
// usage: remote [--http-cache] [--runner=hosttools|bubblewrap] [--jobs=N] [COMMAND...]
//
// The command finds the address for --remote_cache in $REMOTE_CACHE, and the engine's, for
// --remote_executor, in $REMOTE_EXECUTOR. Without a command they are printed, and the
// server stays until it is interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"example.org/portable-walkthrough-go/tools/remote/engine"
	"example.org/portable-walkthrough-go/tools/remote/httpcache"
)

func main() {
	http := flag.Bool("http-cache", false, "an HTTP cache, nginx, instead of an engine, BuildBox; the other flags do not matter then")
	runner := flag.String("runner", string(engine.HostTools), "what executes actions: hosttools or bubblewrap")
	jobs := flag.Int("jobs", 0, "how many actions run at once; 0: one on each processor")
	flag.Parse()
	start := func(storage string) (server, error) {
		return startEngine(engine.Options{Runner: engine.Runner(*runner), Jobs: *jobs, Storage: storage, Log: os.Stderr})
	}
	if *http {
		start = startCache
	}
	// The command gets them too, and is waited for.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, start, flag.Args())
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "remote:", err)
		os.Exit(1)
	}
}

// A server is one that was started.
type server struct {
	// flags are of Bazel, and tell where it is. Each is a variable, too.
	flags []string
	close func() error
}

// Neither gets a context that a signal ends: it ends after the command.

func startEngine(o engine.Options) (server, error) {
	e, err := engine.Start(context.Background(), o)
	if err != nil {
		return server{}, err
	}
	return server{[]string{"--remote_executor=" + e.Address, "--remote_cache=" + e.Address}, e.Close}, nil
}

func startCache(storage string) (server, error) {
	c, err := httpcache.Start(context.Background(), httpcache.Options{Storage: storage, Log: os.Stderr})
	if err != nil {
		return server{}, err
	}
	return server{[]string{"--remote_cache=" + c.Address}, c.Close}, nil
}

func run(ctx context.Context, start func(storage string) (server, error), command []string) (err error) {
	storage, err := os.MkdirTemp("", "remote-storage")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(storage)) }()
	s, err := start(storage)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if len(command) == 0 {
		fmt.Println(strings.Join(s.flags, " "))
		<-ctx.Done()
		return nil
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Where the user typed it.
	cmd.Dir = os.Getenv("BUILD_WORKING_DIRECTORY")
	cmd.Env = os.Environ()
	for _, flag := range s.flags {
		name, address, _ := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		cmd.Env = append(cmd.Env, strings.ToUpper(name)+"="+address)
	}
	return cmd.Run()
}
