package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// File types, as in st_mode of stat(2).
const (
	typeDirectory       = 0o040000
	typeCharacterDevice = 0o020000
	typeRegular         = 0o100000
	typeSymlink         = 0o120000
)

// A cpioEntry is one path of an archive.
type cpioEntry struct {
	// path is relative to the root and does not begin with "./". Its directory must be
	// an earlier entry, in this archive or in one that the kernel unpacks before it.
	path string
	// mode is a file type and permissions.
	mode uint32
	// size is the length of body: a regular file's content, or a symbolic link's
	// target.
	size int64
	body io.Reader
	// major and minor are a device's numbers.
	major, minor uint32
}

// A cpioWriter writes an archive that the Linux kernel unpacks as an initial root file
// system: the "newc" format of the kernel's initramfs buffer format document
// (Documentation/driver-api/early-userspace/buffer-format.rst). All files belong to
// root and have the epoch as their time, so equal entries give equal bytes. One file can
// have several archives, one after the other.
type cpioWriter struct {
	to    io.Writer
	inode uint32
	// written is the number of bytes since the archive's start.
	written int64
}

func newCPIOWriter(to io.Writer) *cpioWriter { return &cpioWriter{to: to} }

// entry appends an entry.
func (w *cpioWriter) entry(e cpioEntry) error {
	if e.path == "" || strings.HasPrefix(e.path, "/") || strings.HasPrefix(e.path, "./") {
		return fmt.Errorf("cpio: %q is not relative to the root", e.path)
	}
	if e.size < 0 || e.size >= 1<<32 {
		return fmt.Errorf("cpio: %q: the format has no room for a file of %d bytes", e.path, e.size)
	}
	// There are no hard links: each path is an inode of its own.
	w.inode++
	return w.write(e, w.inode)
}

// text appends a regular file.
func (w *cpioWriter) text(path string, mode uint32, text string) error {
	return w.entry(cpioEntry{path: path, mode: typeRegular | mode, size: int64(len(text)), body: strings.NewReader(text)})
}

// file appends a copy of a file of this machine. It is executable, because Bazel may
// change that mode of its outputs.
func (w *cpioWriter) file(path, from string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return w.entry(cpioEntry{path: path, mode: typeRegular | 0o755, size: info.Size(), body: file})
}

// directory appends a directory with mode 0755.
func (w *cpioWriter) directory(path string) error {
	return w.entry(cpioEntry{path: path, mode: typeDirectory | 0o755})
}

// symlink appends a symbolic link.
func (w *cpioWriter) symlink(path, target string) error {
	return w.entry(cpioEntry{path: path, mode: typeSymlink | 0o777, size: int64(len(target)), body: strings.NewReader(target)})
}

// end writes the entry that ends the archive. It pads to 512 bytes, so that another
// archive can follow.
func (w *cpioWriter) end() error {
	return errors.Join(w.write(cpioEntry{path: "TRAILER!!!"}, 0), w.pad(512))
}

func (w *cpioWriter) write(e cpioEntry, inode uint32) error {
	// Fields after the magic number: inode, mode, user, group, links, time, size, the file
	// system's device, a device file's numbers, the name's length, no checksum.
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		inode, e.mode, 0, 0, 1, 0, e.size, 0, 0, e.major, e.minor, len(e.path)+1, 0, e.path)
	if err := errors.Join(w.copy(strings.NewReader(header), int64(len(header))), w.pad(4)); err != nil {
		return err
	}
	if e.size > 0 {
		if err := w.copy(e.body, e.size); err != nil {
			return fmt.Errorf("cpio: %q: %w", e.path, err)
		}
	}
	return w.pad(4)
}

func (w *cpioWriter) copy(from io.Reader, n int64) error {
	copied, err := io.CopyN(w.to, from, n)
	w.written += copied
	return err
}

// pad writes zeros until the archive's size is a multiple of to.
func (w *cpioWriter) pad(to int64) error {
	n := (to - w.written%to) % to
	return w.copy(strings.NewReader(strings.Repeat("\x00", int(n))), n)
}
