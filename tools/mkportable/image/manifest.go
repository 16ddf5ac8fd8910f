package image

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// manifestColumns are what a manifest says of each path, in a line with tabs
// between them:
//
//	path     absolute
//	type     directory, file or symlink
//	mode     four octal digits, - for a symlink
//	owner    UID:GID
//	size     in bytes, - for what is no file
//	content  a file's SHA-256, a symlink's target, else -
//	origin   attribute and label that declare it; or "added: " and why
//
// Lines are sorted by path, as in the image: a directory comes just before what it
// holds.
const manifestColumns = "# path\ttype\tmode\towner\tsize\tcontent\torigin\n"

// A manifest is a listing of an image, for people and their tools. A nil one lists
// nothing.
type manifest struct {
	file  *os.File
	lines *bufio.Writer
}

// newManifest makes the named file; nil for no name.
func newManifest(name string) (*manifest, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("make manifest: %w", err)
	}
	m := &manifest{file: file, lines: bufio.NewWriterSize(file, 1<<16)}
	_, _ = m.lines.WriteString(manifestColumns)
	return m, nil
}

// add lists an entry; size and digest are a file's.
func (m *manifest) add(e *Entry, size int64, digest []byte) {
	if m == nil {
		return
	}
	mode, owner, bytes, content, origin := e.Mode, e.Owner, "-", "-", e.origin()
	switch e.Type {
	case File:
		bytes, content = strconv.FormatInt(size, 10), fmt.Sprintf("%x", digest)
	case Symlink:
		mode, content = "-", e.Target
	}
	if owner == "" {
		owner = "0:0"
	}
	if e.Added {
		origin = "added: " + origin
	}
	// An error stays with the writer, and is told at the end.
	_, _ = fmt.Fprintf(m.lines, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Path, e.Type, mode, owner, bytes, content, origin)
}

func (m *manifest) close() error {
	if m == nil {
		return nil
	}
	if err := errors.Join(m.lines.Flush(), m.file.Close()); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}
