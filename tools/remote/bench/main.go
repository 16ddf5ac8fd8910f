// Bench measures what a remote cache and remote execution bring: wall time and bytes moved
// of builds of //:image, as a Markdown table.
//
// usage: bench [--check] [--only=NAME,...]
//
// All is on this machine: a real nginx and a real BuildBox, over the loopback interface.
// Bazel has an output base of its own, which is removed. A first step that is not counted
// fetches the repositories; before each build everything else is removed (bazel clean), and
// the server is ended. What is counted is bazel build from its start to its end: the
// server's start, loading, analysis, and all actions or what is fetched instead of them.
// With --check the exit status is 1 if a clean checkout with a cache misses a goal.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

func main() {
	only := flag.String("only", "", "measure these builds only, separated by commas: "+strings.Join(names(), ", ")+"; what they need is built all the same")
	checked := flag.Bool("check", false, fmt.Sprintf("fail if a clean checkout with a cache takes more than %.2f of the time without one, or fetches more than %.1f times the image", goalTime, goalBytes))
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "usage: bench [--check] [--only=NAME,...]\n\nBuilds //:image without a cache, with caches and remotely, and prints wall times and bytes\nmoved as a Markdown table. It takes as long as four builds from nothing.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*only, *checked, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(only string, checked bool, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("no arguments are taken, got %q", args)
	}
	wanted := names()
	if only != "" {
		wanted = strings.Split(only, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(names(), name) {
			return fmt.Errorf("--only: there is no build %q; there are %s", name, strings.Join(names(), ", "))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	rows, err := b.measure(wanted, os.Stdout)
	err = errors.Join(err, b.close())
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", ctx.Err())
	}
	if err != nil || !checked {
		return err
	}
	return check(rows, b.cold, len(b.image))
}
