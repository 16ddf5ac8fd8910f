package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"example.org/portable-walkthrough-go/tools/sha256sum"
)

// A directory of this machine.
type directory string

func (d directory) String() string { return string(d) }

func (d directory) path(name string) string { return filepath.Join(string(d), name) }

func (d directory) read(_ context.Context, name string) ([]byte, error) {
	return os.ReadFile(d.path(name))
}

func (d directory) digest(_ context.Context, name string) (string, error) {
	digest, err := sha256sum.OfFile(d.path(name))
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return digest, err
}

func (d directory) put(_ context.Context, name, from string) (err error) {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	// Servers list or serve no file whose name begins with a dot.
	out, err := os.CreateTemp(string(d), "."+name+".")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(out.Name())
		}
	}()
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Chmod(0o644), out.Sync(), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), d.path(name))
}

func (d directory) remove(_ context.Context, names []string) error {
	for _, name := range names {
		if err := os.Remove(d.path(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// An rsync is a target of rsync(1), which writes whole files under other names first.
type rsync struct{ to, scratch string }

func (r rsync) String() string { return r.to }

func (r rsync) run(ctx context.Context, arguments ...string) error {
	cmd := exec.CommandContext(ctx, "rsync", arguments...)
	var said bytes.Buffer
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: rsync: %w: %s", r.to, err, bytes.TrimSpace(said.Bytes()))
	}
	return nil
}

// fetch copies a file here, if there is one.
func (r rsync) fetch(ctx context.Context, name string) (string, error) {
	into := filepath.Join(r.scratch, name)
	// With a filter, a missing file is not an error.
	err := r.run(ctx, "--recursive", "--include=/"+name, "--exclude=*", r.to+"/", r.scratch+"/")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 23 {
		// The directory does not exist yet.
		return into, nil
	}
	return into, err
}

func (r rsync) read(ctx context.Context, name string) ([]byte, error) {
	path, err := r.fetch(ctx, name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

func (r rsync) digest(ctx context.Context, name string) (string, error) {
	path, err := r.fetch(ctx, name)
	if err != nil {
		return "", err
	}
	defer os.Remove(path)
	digest, err := sha256sum.OfFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	return digest, err
}

func (r rsync) put(ctx context.Context, name, from string) error {
	return r.run(ctx, "--copy-links", "--chmod=F644,D755", "--mkpath", "--checksum", from, r.to+"/"+name)
}

func (r rsync) remove(ctx context.Context, names []string) error {
	empty, err := os.MkdirTemp(r.scratch, "empty")
	if err != nil {
		return err
	}
	arguments := []string{"--recursive", "--delete"}
	for _, name := range names {
		arguments = append(arguments, "--include=/"+name)
	}
	return r.run(ctx, append(arguments, "--exclude=*", empty+"/", r.to+"/")...)
}
