// Package counter keeps a count in a file, so that it outlives the process.
//
// Once Next has returned a number, no later call, in this process or after it, returns
// that number or a lower one, whatever is killed: the process, the machine, its
// power. The price is that a number may be skipped, if it was on disk and
// its caller was not told.
//
// The file holds one record of fixed width with a checksum, shorter than a disk's
// sector, and is rewritten in place by a single write: that goes on working on a
// full disk, and leaves the old record or the new one. What is no such record is
// never overwritten: a count that silently starts again at 1 is worse than a
// service that does not start.
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

// FileName is the counter's file, in the state directory.
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

// A Counter counts in a file that nobody else has open. Its methods may be
// called concurrently.
type Counter struct {
	// Report is called when writing fails, with the error, and with nil when it
	// works again; not for each failure in between. It is set before the first
	// Next.
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

// Open opens the counter in a directory, and makes it at 0 if it is not there. It
// takes a lock (flock(2)) on the file until Close.
func Open(directory string) (*Counter, error) {
	return open(osDirectory(directory))
}

func open(directory directory) (*Counter, error) {
	file, err := directory.open(FileName)
	if errors.Is(err, os.ErrNotExist) {
		if err := create(directory, encode(0)); err != nil {
			return nil, fmt.Errorf("create counter: %w; the state directory must be there, and writable", err)
		}
		file, err = directory.open(FileName)
	}
	if err != nil {
		return nil, fmt.Errorf("open counter: %w; it must be a regular file that the service may read and write, in use by nobody else", err)
	}
	last, err := load(file)
	if err == nil && last == 0 {
		// Whoever made the file may have been killed before its name was on disk,
		// and without the name the first numbers would be given again.
		if err = directory.sync(); err != nil {
			err = fmt.Errorf("open counter: %w", err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Counter{file: file, last: last, Report: func(error) {}}, nil
}

// Next counts one more and returns the new count, when it is safe on disk. After
// an error the number is used up all the same: it may be on disk.
//
// Calls that come while the disk is busy share the next write: the first of them
// does it, the others wait for its result (group commit).
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
	if runtime.GOMAXPROCS(0) == 1 {
		// The write holds the only processor: who is ready to count now comes along.
		runtime.Gosched()
	}
	// Whoever comes from now on is too late for this batch.
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

// Last returns the number that was given last; it may not be on disk yet.
func (c *Counter) Last() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

// Ping returns when no write that had begun before is under way any more. It is
// meant for a watchdog, and costs no disk access.
func (c *Counter) Ping() {
	c.disk.Lock()
	defer c.disk.Unlock()
}

// Close waits for a write that is under way and releases the file.
func (c *Counter) Close() error {
	c.disk.Lock()
	defer c.disk.Unlock()
	return c.file.Close()
}
