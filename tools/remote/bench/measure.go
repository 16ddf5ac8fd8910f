package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"example.org/portable-walkthrough-go/tools/remote/nested"
)

// A build is a line of the table.
type build struct {
	name, title string
	// needs is the build that fills the storage which this one finds; empty: it finds none.
	needs string
	// clean is whether it is one that the goals are for: a cache has everything.
	clean bool
	// server is what is talked to; nil: nothing.
	server start
	// flags are Bazel's, for the server's address.
	flags func(address string) []string
}

var builds = []build{
	{name: "cold", title: "no cache"},
	{name: "http-fill", title: "HTTP cache, empty", server: nginx, flags: cache},
	{name: "http", title: "HTTP cache, clean checkout", needs: "http-fill", clean: true, server: nginx, flags: cache},
	{name: "execution-1", title: "remote execution, 1 job, empty", server: buildbox(1), flags: execution},
	{name: "execution-2", title: "remote execution, 2 jobs, empty", server: buildbox(2), flags: execution},
	{name: "grpc", title: "gRPC cache, clean checkout", needs: "execution-2", clean: true, server: buildbox(1), flags: cache},
}

func names() []string {
	var all []string
	for _, b := range builds {
		all = append(all, b.name)
	}
	return all
}

func cache(address string) []string {
	// Only what was asked for, as Bazel does by default; these caches do not go away.
	return []string{"--config=remote-cache", "--remote_cache=" + address, "--remote_download_toplevel"}
}

func execution(address string) []string {
	return []string{"--config=remote-exec", "--remote_executor=" + address}
}

// A row is what was measured of a build.
type row struct {
	build
	wall     time.Duration
	up, down int64
	processes
}

// A bench measures builds and keeps what they stored.
type bench struct {
	ctx     context.Context
	bazel   *bazel
	scratch string
	// cold and image are of the first build.
	cold  time.Duration
	image []byte
}

func newBench(ctx context.Context) (*bench, error) {
	workspace, err := nested.Workspace()
	if err != nil {
		return nil, err
	}
	scratch, err := os.MkdirTemp("", "remote-bench")
	return &bench{ctx: ctx, scratch: scratch, bazel: &bazel{workspace, filepath.Join(scratch, "base")}}, err
}

func (b *bench) close() error { return errors.Join(b.bazel.remove(), os.RemoveAll(b.scratch)) }

// steps are the wanted builds and what they need, in their order; always the first, which
// the others are compared with.
func steps(wanted []string) []build {
	wanted = append(slices.Clone(wanted), builds[0].name)
	for _, one := range builds {
		if slices.Contains(wanted, one.name) {
			wanted = append(wanted, one.needs)
		}
	}
	return slices.DeleteFunc(slices.Clone(builds), func(one build) bool { return !slices.Contains(wanted, one.name) })
}

// measure writes a line of the table for each build, and returns them.
func (b *bench) measure(wanted []string, out io.Writer) ([]row, error) {
	fmt.Fprintln(os.Stderr, "fetching repositories")
	if err := b.bazel.fetch(b.ctx); err != nil {
		return nil, err
	}
	var rows []row
	all := steps(wanted)
	for i, one := range all {
		fmt.Fprintf(os.Stderr, "[%d/%d] %s\n", i+1, len(all), one.title)
		r, err := b.one(one)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", one.title, err)
		}
		if i == 0 {
			b.cold = r.wall
			fmt.Fprint(out, heading)
		}
		rows = append(rows, r)
		fmt.Fprint(out, r.line(b.cold, len(b.image)))
	}
	_, err := fmt.Fprintf(out, "\nThe image has %.1f MB.\n", mega(int64(len(b.image))))
	return rows, err
}

func (b *bench) one(one build) (row, error) {
	if one.server == nil {
		return b.build(one)
	}
	storage := filepath.Join(b.scratch, one.name)
	if one.needs != "" {
		storage = filepath.Join(b.scratch, one.needs)
	}
	if err := os.MkdirAll(storage, 0o755); err != nil {
		return row{}, err
	}
	s, err := one.server.with(storage)
	if err != nil {
		return row{}, err
	}
	r, err := b.build(one, one.flags(s.address)...)
	r.up, r.down = s.meter.Up(), s.meter.Down()
	return r, errors.Join(err, s.Close())
}

func (b *bench) build(one build, flags ...string) (row, error) {
	r := row{build: one}
	if err := b.bazel.forget(b.ctx); err != nil {
		return r, err
	}
	var content []byte
	var err error
	if r.wall, r.processes, content, err = b.bazel.build(b.ctx, flags...); err != nil {
		return r, err
	}
	if b.image == nil {
		b.image = content
	}
	if !bytes.Equal(b.image, content) {
		return r, errors.New("the image has other bytes than that of the first build; tools/imagediff tells which")
	}
	return r, nil
}
