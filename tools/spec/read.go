// Package spec reads the description of an image that portable_image writes.
//
// A spec is a file of JSON objects, one a line: first a [Header], then an
// [Entry] for each path, in any order. Unknown fields are errors.
//
// A spec describes the contents of an image. It does not contain the compressor, its level or the
// output, so that the checks and the manifest of an image do not depend on these.
//
// To these contents [Read] adds all files of each [Tree], the mount points that the units need (see
// [MountPoints]), and parent directories.
package spec

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"unique"
)

// A Spec is a complete and checked image.
type Spec struct {
	Header Header
	// Entries are the image's paths, sorted: a directory comes just before its contents.
	Entries []*Entry
	links   links
}

// Read reads the spec in the named file, and checks it.
func Read(name string) (*Spec, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read spec: %w", err)
	}
	defer file.Close()
	s := new(Spec)
	if err := s.read(bufio.NewReaderSize(file, 1<<16)); err != nil {
		return nil, s.Blame(err)
	}
	return s, nil
}

// Blame adds the target to an error; nil stays nil.
func (s *Spec) Blame(err error) error {
	if err == nil || s.Header.Label == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.Header.Label, err)
}

func (s *Spec) read(from io.Reader) error {
	said, err := s.decode(from)
	if err != nil {
		return err
	}
	if said, err = withTrees(said); err != nil {
		return err
	}
	points, err := s.mountPoints(said)
	if err != nil {
		return err
	}
	said = append(said, points...)
	slices.SortStableFunc(said, func(a, b *Entry) int { return comparePaths(a.Path, b.Path) })
	if said, err = foldAll(said); err != nil {
		return err
	}
	s.Entries, err = withParents(said)
	return err
}

// decode reads the header, and returns the entries as they are in the spec.
func (s *Spec) decode(from io.Reader) (entries []*Entry, err error) {
	decoder := json.NewDecoder(from)
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&s.Header)
	if err == nil {
		err = s.Header.check()
	}
	for line := 1; err == nil; line++ {
		e := new(Entry)
		if err = decoder.Decode(e); errors.Is(err, io.EOF) {
			return entries, nil
		}
		if err == nil {
			// Most entries have the same values: a million copies would take 50 MB.
			for _, field := range []*string{&e.Mode, &e.Owner, &e.Origin} {
				*field = unique.Make(*field).Value()
			}
			if err = e.asLink(s.Header.Symlinks); err == nil {
				err = e.check()
			}
			err = e.Blame(err)
		}
		if err != nil {
			return nil, fmt.Errorf("spec line %d: %w", line+1, err)
		}
		entries = append(entries, e)
	}
	return nil, fmt.Errorf("spec line 1: %w", err)
}

// foldAll joins all entries with one path.
func foldAll(sorted []*Entry) ([]*Entry, error) {
	folded := sorted[:0]
	for len(sorted) > 0 {
		n := 1
		for n < len(sorted) && sorted[n].Path == sorted[0].Path {
			n++
		}
		e, err := fold(sorted[:n])
		if err != nil {
			return nil, err
		}
		folded, sorted = append(folded, e), sorted[n:]
	}
	return folded, nil
}

// withParents adds the parents that no entry declares.
func withParents(sorted []*Entry) ([]*Entry, error) {
	var all []*Entry
	// above are the parents of the entry, outermost first.
	var above []*Entry
	for _, e := range sorted {
		for len(above) > 0 && !e.isBelow(above[len(above)-1].Path) {
			above = above[:len(above)-1]
		}
		start := 0
		if len(above) > 0 {
			parent := above[len(above)-1]
			if parent.Type != Directory {
				return nil, fmt.Errorf("%q (from %s) is below %q, which is a %s (from %s); move one of them", e.Path, e.DeclaredBy(), parent.Path, parent.Type, parent.DeclaredBy())
			}
			start = len(parent.Path)
		}
		for i := start + 1; i < len(e.Path); i++ {
			if e.Path[i] == '/' {
				parent := &Entry{Path: e.Path[:i], Type: Directory, Mode: "0755", Origin: "parent directory", Added: true}
				all, above = append(all, parent), append(above, parent)
			}
		}
		all, above = append(all, e), append(above, e)
	}
	return all, nil
}

// Resolve follows the image's symlinks in an absolute path.
func (s *Spec) Resolve(name string) string {
	if s.links == nil {
		s.links = linksOf(s.Entries)
	}
	return s.links.resolve(name)
}

// Find returns the entry of a clean absolute path, or nil. It follows no symlinks.
func (s *Spec) Find(path string) *Entry {
	i, found := slices.BinarySearchFunc(s.Entries, path, func(e *Entry, path string) int { return comparePaths(e.Path, path) })
	if !found {
		return nil
	}
	return s.Entries[i]
}

// comparePaths orders paths by their names, so that a directory comes just before its contents:
// "/a", "/a/b", "/a-b".
func comparePaths(a, b string) int {
	for i := 0; i < len(a) && i < len(b); i++ {
		if a[i] == b[i] {
			continue
		}
		if a[i] == '/' {
			return -1
		}
		if b[i] == '/' {
			return 1
		}
		return int(a[i]) - int(b[i])
	}
	return len(a) - len(b)
}
