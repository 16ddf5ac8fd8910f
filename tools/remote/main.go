// Remote starts a remote execution engine for a command, and ends it afterwards. Only for
// tests and for trying things out: see README.md.
//
// usage: remote [--runner=hosttools|bubblewrap] [--jobs=N] [COMMAND...]
//
// The command finds the address for --remote_executor in $REMOTE_EXECUTOR. Without a
// command the address is printed and the engine stays until it is interrupted.
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

	"example.org/portable-walkthrough-go/tools/remote/engine"
)

func main() {
	runner := flag.String("runner", string(engine.HostTools), "what executes actions: hosttools or bubblewrap")
	jobs := flag.Int("jobs", 0, "how many actions run at once; 0: one on each processor")
	flag.Parse()
	// The command gets them too, and is waited for.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, engine.Options{Runner: engine.Runner(*runner), Jobs: *jobs, Log: os.Stderr}, flag.Args())
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Exited():
		os.Exit(exit.ExitCode())
	case err != nil:
		fmt.Fprintln(os.Stderr, "remote:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o engine.Options, command []string) (err error) {
	o.Storage, err = os.MkdirTemp("", "remote-storage")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(o.Storage)) }()
	// Not with ctx: the engine ends after the command.
	e, err := engine.Start(context.Background(), o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if len(command) == 0 {
		fmt.Printf("--remote_executor=%s\n", e.Address)
		<-ctx.Done()
		return nil
	}
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Where the user typed it.
	cmd.Dir = os.Getenv("BUILD_WORKING_DIRECTORY")
	cmd.Env = append(os.Environ(), "REMOTE_EXECUTOR="+e.Address)
	return cmd.Run()
}
