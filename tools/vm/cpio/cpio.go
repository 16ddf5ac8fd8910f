// Package cpio writes archives that the Linux kernel unpacks as an initial root file
// system: the "newc" format of the kernel's initramfs buffer format document
// (Documentation/driver-api/early-userspace/buffer-format.rst). All files belong to
// root and are of the epoch, so equal entries give equal bytes.
package cpio

import (
	"fmt"
	"io"
	"strings"
)

// File types, as in st_mode of stat(2).
const (
	Directory       = 0o040000
	CharacterDevice = 0o020000
	Regular         = 0o100000
	Symlink         = 0o120000
)

// An Entry is one path of an archive.
type Entry struct {
	// Path is relative to the root and has no "./" before it. Its directory must be
	// an entry before it, in this archive or one that the kernel unpacks before.
	Path string
	// Mode is a file type and permissions.
	Mode uint32
	// Size is how much of Body belongs to a regular file or to the target of a
	// symbolic link.
	Size int64
	Body io.Reader
	// Major and Minor are a device's numbers.
	Major, Minor uint32
}

// A Writer writes entries. Archives may follow each other in one file.
type Writer struct {
	w     io.Writer
	inode uint32
	// written since the archive's start.
	written int64
}

// NewWriter returns a writer of one archive.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write appends an entry.
func (w *Writer) Write(e Entry) error {
	if e.Path == "" || strings.HasPrefix(e.Path, "/") || strings.HasPrefix(e.Path, "./") {
		return fmt.Errorf("cpio: %q is no path relative to the root", e.Path)
	}
	if e.Size < 0 || e.Size >= 1<<32 {
		return fmt.Errorf("cpio: %q: the format holds no file of %d bytes", e.Path, e.Size)
	}
	// No hard links: each path is an inode of its own.
	w.inode++
	return w.entry(e, w.inode)
}

// Text appends a regular file.
func (w *Writer) Text(path string, mode uint32, text string) error {
	return w.Write(Entry{Path: path, Mode: Regular | mode, Size: int64(len(text)), Body: strings.NewReader(text)})
}

// Directory appends a directory, with mode 0755.
func (w *Writer) Directory(path string) error {
	return w.Write(Entry{Path: path, Mode: Directory | 0o755})
}

// Symlink appends a symbolic link.
func (w *Writer) Symlink(path, target string) error {
	return w.Write(Entry{Path: path, Mode: Symlink | 0o777, Size: int64(len(target)), Body: strings.NewReader(target)})
}

// Close writes the entry that ends the archive, but does not close what is written
// to. It pads to 512 bytes, so that another archive can follow.
func (w *Writer) Close() error {
	if err := w.entry(Entry{Path: "TRAILER!!!"}, 0); err != nil {
		return err
	}
	return w.pad(512)
}

func (w *Writer) entry(e Entry, inode uint32) error {
	links := 1
	// Fields after the magic number: inode, mode, user, group, links, time, size, the
	// device it is on, the device it is, the name's length, no checksum.
	header := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		inode, e.Mode, 0, 0, links, 0, e.Size, 0, 0, e.Major, e.Minor, len(e.Path)+1, 0, e.Path)
	if err := w.write(strings.NewReader(header), int64(len(header))); err != nil {
		return err
	}
	if err := w.pad(4); err != nil {
		return err
	}
	if e.Size > 0 {
		if err := w.write(e.Body, e.Size); err != nil {
			return fmt.Errorf("cpio: %q: %w", e.Path, err)
		}
	}
	return w.pad(4)
}

func (w *Writer) write(r io.Reader, n int64) error {
	copied, err := io.CopyN(w.w, r, n)
	w.written += copied
	return err
}

func (w *Writer) pad(to int64) error {
	n := (to - w.written%to) % to
	return w.write(strings.NewReader(strings.Repeat("\x00", int(n))), n)
}
