package image

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"strconv"

	"example.org/portable-walkthrough-go/tools/spec"
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

// List writes a manifest of the image that the spec in the named file declares,
// without making that: a line for each path, see manifestColumns. When it fails no
// manifest is left.
func List(name, output string) error {
	s, err := spec.Read(name)
	if err != nil {
		return err
	}
	return s.Blame(list(s, output))
}

func list(s *spec.Spec, output string) (err error) {
	if err := checkPortable(s); err != nil {
		return err
	}
	file, err := os.Create(output)
	if err != nil {
		return fmt.Errorf("make manifest: %w", err)
	}
	defer func() {
		if err = errors.Join(err, file.Close()); err != nil {
			os.Remove(output)
		}
	}()
	m := &manifest{lines: bufio.NewWriterSize(file, 1<<16), digest: sha256.New(), buffer: make([]byte, 1<<18)}
	// An error of the writer stays with it, and is told at the end.
	_, _ = m.lines.WriteString(manifestColumns)
	for _, e := range s.Entries {
		if err := m.add(e); err != nil {
			return err
		}
	}
	return m.lines.Flush()
}

// A manifest is a listing of an image, for people and their tools.
type manifest struct {
	lines  *bufio.Writer
	digest hash.Hash
	buffer []byte
}

func (m *manifest) add(e *spec.Entry) error {
	mode, owner, size, content, origin := e.Mode, e.Owner, "-", "-", e.DeclaredBy()
	switch e.Type {
	case spec.File:
		err := read(e, func(r io.Reader, _ int64) error {
			m.digest.Reset()
			n, err := io.CopyBuffer(m.digest, struct{ io.Reader }{r}, m.buffer)
			size, content = strconv.FormatInt(n, 10), hex.EncodeToString(m.digest.Sum(nil))
			return err
		})
		if err != nil {
			return e.Blame(err)
		}
	case spec.Symlink:
		mode, content = "-", e.Target
	}
	if owner == "" {
		owner = "0:0"
	}
	if e.Added {
		origin = "added: " + origin
	}
	_, _ = fmt.Fprintf(m.lines, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", e.Path, e.Type, mode, owner, size, content, origin)
	return nil
}
