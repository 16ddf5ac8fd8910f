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

// manifestColumns are the columns of a manifest, separated by tabs, with a line for each path:
//
//	path     absolute
//	type     directory, file or symlink
//	mode     four octal digits, - for a symlink
//	owner    UID:GID
//	size     in bytes, - for other types than files
//	content  a file's SHA-256, a symlink's target, else -
//	origin   attribute and label that declare it; or "added: " and the reason
//
// Lines are sorted by path, as in the image: a directory comes just before its contents.
const manifestColumns = "# path\ttype\tmode\towner\tsize\tcontent\torigin\n"

// List writes a manifest of the image that the spec in the named file declares, without making the
// image; see manifestColumns. If it fails, it leaves no manifest.
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
	// The writer keeps its error, and returns it at the end.
	_, _ = m.lines.WriteString(manifestColumns)
	for _, e := range s.Entries {
		if err := m.add(e); err != nil {
			return err
		}
	}
	return m.lines.Flush()
}

// A manifest lists the contents of an image, for people and their tools.
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
