// Package counter keeps a count in a file, so that it outlives the process.
//
// The file holds one record of fixed width with a checksum, and is rewritten in
// place by a single write: that goes on working on a full disk, and leaves the
// old record or the new one whatever is killed in between. What is no such
// record is never overwritten: a count that silently starts again at 1 is worse
// than a service that does not start.
package counter

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// FileName is the counter's file, in the state directory.
const FileName = "visitors"

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

// A Counter counts in a file that nobody else has open. Its methods may be
// called concurrently.
type Counter struct {
	mu   sync.Mutex
	file *os.File
	last uint64
}

// Open opens the counter in a directory, and makes it at 0 if it is not there.
func Open(directory string) (*Counter, error) {
	path := filepath.Join(directory, FileName)
	file, err := os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if errors.Is(err, os.ErrNotExist) {
		if err := create(directory, path); err != nil {
			return nil, fmt.Errorf("create counter: %w", err)
		}
		file, err = os.OpenFile(path, os.O_RDWR|syscall.O_NOFOLLOW, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("open counter: %w", err)
	}
	last, err := load(file)
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Counter{file: file, last: last}, nil
}

// Next counts one more and returns the new count, when it is safe on disk. After
// an error the number is used up all the same: it may be on disk.
func (c *Counter) Next() (uint64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last++
	if _, err := c.file.WriteAt(encode(c.last), 0); err != nil {
		return 0, fmt.Errorf("write counter: %w", err)
	}
	if err := syscall.Fdatasync(int(c.file.Fd())); err != nil {
		return 0, fmt.Errorf("sync counter %q: %w", c.file.Name(), err)
	}
	return c.last, nil
}

// Close releases the file.
func (c *Counter) Close() error { return c.file.Close() }

// format is the record: the count, and the CRC-32C of its digits.
const format = "visitors %020d crc32c %08x\n"

func encode(count uint64) []byte {
	sum := crc32.Checksum(fmt.Appendf(nil, "%020d", count), crc32.MakeTable(crc32.Castagnoli))
	return fmt.Appendf(nil, format, count, sum)
}

// create makes the file under another name first: under its own it is whole.
func create(directory, path string) error {
	temporary, err := os.CreateTemp(directory, "."+FileName+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name())
	defer temporary.Close()
	if _, err := temporary.Write(encode(0)); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	// A link, not a rename: it does not replace a counter that somebody else
	// has made meanwhile.
	if err := os.Link(temporary.Name(), path); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	dir, err := os.Open(directory)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}

// load reads the count, and refuses anything but an exact record.
func load(file *os.File) (uint64, error) {
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return 0, fmt.Errorf("counter %q is in use by another process: %w", file.Name(), err)
	}
	want := len(encode(0))
	// One byte more shows a file that is too long.
	content := make([]byte, want+1)
	n, err := io.ReadFull(file, content)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return 0, fmt.Errorf("read counter: %w", err)
	}
	// The second field, if it is one; a count that encodes to the content is it.
	if fields := strings.Fields(string(content[:n])); len(fields) > 1 {
		count, err := strconv.ParseUint(fields[1], 10, 64)
		if err == nil && string(encode(count)) == string(content[:n]) {
			return count, nil
		}
	}
	return 0, fmt.Errorf("counter %q is damaged: %d bytes, starting with %q, where %d like %q belong; restore it from a backup, or remove it to start at 1 again",
		file.Name(), n, content[:n], want, encode(0))
}
