// Package counter counts visitors durably, and answers them over HTTP.
//
// Once Next has returned a number, no later call, in this process or in a later one,
// returns that number or a lower one, even if the process is killed or the machine
// loses power. A number may be skipped: when it was on disk, and the process ended
// before its caller got it.
//
// The count is kept in a file, as one record of fixed width with a checksum, shorter
// than a disk's sector. A single write replaces it in place: that works on a full
// disk too, and leaves either the old record or the new one. A file with any other
// content is never overwritten: a service that does not start is better than a count
// that silently starts again at 1.
package counter

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
)

// FileName is the name of the counter's file in the state directory.
const FileName = "visitors"

// OpenState opens the counter in the state directory.
func OpenState() (*Counter, error) {
	directory, err := StateDirectory()
	if err != nil {
		return nil, err
	}
	return Open(directory)
}

// StateDirectory returns the first directory of $STATE_DIRECTORY, which systemd
// sets to the absolute paths of StateDirectory=, separated by colons
// (systemd.exec(5)).
func StateDirectory() (string, error) {
	directory, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":")
	if !filepath.IsAbs(directory) {
		return "", fmt.Errorf("$STATE_DIRECTORY is %q, not an absolute path: set StateDirectory= in the unit, or the variable when run by hand", directory)
	}
	return directory, nil
}

// ErrExhausted means that there is no higher number.
var ErrExhausted = errors.New("the counter has reached its last number")

// A Counter counts in a file that it has locked. Its methods may be called
// concurrently.
type Counter struct {
	// Report is called with the error when writing begins to fail, and with nil
	// when it works again. Set it before the first Next.
	Report func(error)

	mu      sync.Mutex
	last    uint64 // the number given last
	pending *batch // what the next write is to save

	disk   sync.Mutex // held while the file is written
	file   file
	failed bool
}

// A batch is a number of calls of Next that one write serves.
type batch struct {
	last uint64
	done chan struct{}
	err  error
}

// Open opens the counter in a directory, and creates it at 0 if there is none. It
// locks the file (flock(2)) until Close. It fails if another process has locked the
// file, or if the file holds no valid record.
func Open(directory string) (*Counter, error) {
	return open(osDirectory(directory))
}

func open(directory directory) (*Counter, error) {
	file, err := directory.open(FileName)
	if errors.Is(err, os.ErrNotExist) {
		if err := create(directory, encode(0)); err != nil {
			return nil, fmt.Errorf("create counter: %w; the state directory must exist and be writable", err)
		}
		file, err = directory.open(FileName)
	}
	if err != nil {
		return nil, fmt.Errorf("open counter: %w; it must be a regular file that the service may read and write, and no other process may use it", err)
	}
	last, err := load(file)
	if err == nil && last == 0 {
		// The process that created the file may have been killed before the file's
		// name was on disk. Without the name the first numbers would be repeated.
		if err = directory.sync(); err != nil {
			err = fmt.Errorf("open counter: %w", err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Counter{file: file, last: last, Report: func(error) {}}, nil
}

// Next adds one to the count and returns it when it is on disk. After an error the
// number is used up nevertheless, since it may be on disk.
//
// Calls that come while the disk is busy share the next write (group commit): the
// first of them writes, the others wait for the result.
func (c *Counter) Next() (uint64, error) {
	c.mu.Lock()
	if c.last == math.MaxUint64 {
		c.mu.Unlock()
		return 0, ErrExhausted
	}
	c.last++
	n, b := c.last, c.pending
	first := b == nil
	if first {
		b = &batch{done: make(chan struct{})}
		c.pending = b
	}
	b.last = n
	c.mu.Unlock()

	if first {
		c.commit(b)
	} else {
		<-b.done
	}
	if b.err != nil {
		return 0, b.err
	}
	return n, nil
}

func (c *Counter) commit(b *batch) {
	c.disk.Lock()
	defer c.disk.Unlock()
	// Callers that are ready to run join this batch. Callers that come later wait for
	// the next one.
	runtime.Gosched()
	c.mu.Lock()
	c.pending = nil
	c.mu.Unlock()
	b.err = save(c.file, b.last)
	close(b.done)
	if failed := b.err != nil; failed != c.failed {
		c.failed = failed
		c.Report(b.err)
	}
}

// Last returns the highest number so far. It may not be on disk yet.
func (c *Counter) Last() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Ping waits for a write that is under way. A watchdog calls it to see that the disk
// answers; it does not access the disk itself.
func (c *Counter) Ping() {
	c.disk.Lock()
	defer c.disk.Unlock()
}

// Close waits for a write that is under way, unlocks the file and closes it.
func (c *Counter) Close() error {
	c.disk.Lock()
	defer c.disk.Unlock()
	return c.file.Close()
}
