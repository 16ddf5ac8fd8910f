// Remote starts a remote execution engine, or an HTTP cache, for a command, and ends it
// afterwards. Only for tests and for trying things out: see README.md.
//
// usage: remote [--http-cache] [--runner=hosttools|bubblewrap] [--jobs=N] [COMMAND...]
//
// The command finds the address for --remote_cache in $REMOTE_CACHE, and the engine's, for
// --remote_executor, in $REMOTE_EXECUTOR. Without a command it prints both flags, and the
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
	"syscall"

	"example.org/portable-walkthrough-go/tools/remote/servers"
)

func main() {
	http := flag.Bool("http-cache", false, "an HTTP cache, nginx, instead of an engine, BuildBox; ignores the other flags")
	runner := flag.String("runner", string(servers.HostTools), "what executes actions: hosttools or bubblewrap")
	jobs := flag.Int("jobs", 0, "how many actions run at once; 0: one on each processor")
	flag.Parse()
	// The command gets the signals too. The server ends after it.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	start := func(o servers.Options) (*servers.Server, error) {
		if *http {
			return servers.HTTPCache(o)
		}
		return servers.BuildBox(o, servers.Runner(*runner), *jobs)
	}
	err := run(ctx, start, !*http, flag.Args())
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "remote:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, start func(servers.Options) (*servers.Server, error), executes bool, command []string) (err error) {
	storage, err := os.MkdirTemp("", "remote-storage")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(storage)) }()
	s, err := start(servers.Options{Storage: storage, Log: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if len(command) == 0 {
		fmt.Println("--remote_cache=" + s.Address)
		if executes {
			fmt.Println("--remote_executor=" + s.Address)
		}
		<-ctx.Done()
		return nil
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Where the user typed it.
	cmd.Dir = os.Getenv("BUILD_WORKING_DIRECTORY")
	cmd.Env = append(os.Environ(), "REMOTE_CACHE="+s.Address)
	if executes {
		cmd.Env = append(cmd.Env, "REMOTE_EXECUTOR="+s.Address)
	}
	return cmd.Run()
}
