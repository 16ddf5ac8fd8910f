package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// read opens a file that was named where the user is, not where bazel run is.
func read(path string, with func(io.Reader) error) error {
	path = fromWhereTheUserIs(path)
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w; Bazel writes an execution log at its end, and not if it was killed", err)
	}
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	// Some seconds' worth.
	const large = 200e6
	var from io.Reader = file
	if info.Size() > large && isTerminal(os.Stderr) {
		p := &progress{Reader: file, name: filepath.Base(path), size: info.Size()}
		defer p.clear()
		from = p
	}
	if err := with(bufio.NewReaderSize(from, 1<<20)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func fromWhereTheUserIs(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(os.Getenv("BUILD_WORKING_DIRECTORY"), path)
}

func sameFile(a, b string) bool {
	one, errA := os.Stat(fromWhereTheUserIs(a))
	other, errB := os.Stat(fromWhereTheUserIs(b))
	return errA == nil && errB == nil && os.SameFile(one, other)
}

// progress tells a terminal how much is read.
type progress struct {
	io.Reader
	name          string
	size          int64
	read, percent int64
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.read += int64(n)
	if percent := p.read * 100 / p.size; percent != p.percent {
		p.percent = percent
		fmt.Fprintf(os.Stderr, "\rreading %s: %d %%", p.name, percent)
	}
	return n, err
}

// clear takes the line away.
func (p *progress) clear() { fmt.Fprint(os.Stderr, "\r\x1b[K") }

func colours(out *os.File) bool {
	return isTerminal(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
