package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
	"example.org/portable-walkthrough-go/tools/remote/nested"
)

// target is what is built, image its file below bazel-bin.
const target, image = "//:image", "portable-walkthrough-go.raw"

// A bazel builds this workspace with an output base of its own.
type bazel struct {
	workspace, outputBase string
}

// fetch gets what a build needs, so that it is there when time is taken.
func (b *bazel) fetch(ctx context.Context) error {
	_, err := b.must(ctx, "build", append(common, "--nobuild", target)...)
	return err
}

// forget leaves no more of earlier builds than the repositories.
func (b *bazel) forget(ctx context.Context) error {
	if _, err := b.must(ctx, "clean"); err != nil {
		return err
	}
	_, err := b.must(ctx, "shutdown")
	return err
}

// common is for every build. What user.bazelrc says of caches does not count.
var common = []string{
	"--curses=no",
	"--show_progress_rate_limit=30",
	// bazel-bin is the user's.
	"--experimental_convenience_symlinks=ignore",
	"--disk_cache=",
	"--remote_cache=",
	"--remote_executor=",
}

// build returns the wall time of a build of the image, where results came from, and the
// image.
func (b *bazel) build(ctx context.Context, flags ...string) (time.Duration, processes, []byte, error) {
	events := b.outputBase + ".events.json"
	args := slices.Concat(common, flags, []string{"--build_event_json_file=" + events, target})
	start := time.Now()
	_, err := b.must(ctx, "build", args...)
	wall := time.Since(start)
	if err != nil {
		return 0, processes{}, nil, err
	}
	file, err := os.Open(events)
	if err != nil {
		return 0, processes{}, nil, err
	}
	defer file.Close()
	told, err := buildevents.Read(file)
	if err != nil {
		return 0, processes{}, nil, err
	}
	counts, err := count(told)
	if err != nil {
		return 0, processes{}, nil, err
	}
	bin, err := b.command(ctx, "info", "bazel-bin").Output()
	if err != nil {
		return 0, processes{}, nil, fmt.Errorf("bazel info: %w", err)
	}
	content, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(bin)), image))
	return wall, counts, content, err
}

// processes are how many results of actions came from where. Bazel's own work, such as
// links and files that it writes itself, is not counted.
type processes struct {
	// here were executed on this machine, remote by the engine; hits came from a cache.
	here, remote, hits int
}

func count(b *buildevents.Build) (p processes, err error) {
	if b.Metrics == nil {
		return p, errors.New("the build events lack Bazel's metrics: did it end early?")
	}
	for _, r := range b.Metrics.Runners {
		switch {
		case r.CacheHit():
			p.hits += r.Count
		case r.Name == execlog.Remote:
			p.remote += r.Count
		default:
			p.here += r.Count
		}
	}
	return p, nil
}

// remove ends the server and removes the output base, also when a build was interrupted.
func (b *bazel) remove() error {
	// Removes what is read-only, too.
	_, err := b.must(context.Background(), "clean", "--expunge")
	return err
}

func (b *bazel) must(ctx context.Context, command string, args ...string) (said string, err error) {
	out, err := b.command(ctx, command, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("bazel %s %s: %w: %s", command, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

func (b *bazel) command(ctx context.Context, command string, args ...string) *exec.Cmd {
	words := append([]string{"--output_base=" + b.outputBase, command}, args...)
	// As in tools/bazel, which Bazelisk hands over to with $BAZEL_REAL set.
	cmd := exec.CommandContext(ctx, filepath.Join(b.workspace, "tools/bazel"), words...)
	cmd.Dir, cmd.Env = b.workspace, nested.Environ()
	// Bazel's client cancels the build, and waits for that.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	return cmd
}
