package image

import (
	"bufio"
	"container/heap"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"sort"
	"strings"
)

// A Spec is a spec that was read and checked, line by line. It gives entries
// sorted by path, in memory that hardly grows with their number: the lines stay
// on disk. The first reading sorts them in runs of which only the places in the
// file are kept, the second merges the runs. For a million entries that is 16 MB.
type Spec struct {
	Header   Header
	file     *os.File
	progress *progress
	runs     [][]place
	trees    []*Entry
	// added are the mount points, sorted.
	added []*Entry
}

// A place is where a line lies in the spec.
type place struct {
	offset int64
	length int32
}

// runLength bounds how many paths are held at once. Tests shorten it.
var runLength = 1 << 16

// Open reads the spec in the named file, and checks each line of it by itself.
// The caller closes it.
func Open(name string) (*Spec, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read spec: %w", err)
	}
	s := &Spec{file: file}
	if err := s.read(); err != nil {
		file.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the use of the spec's file.
func (s *Spec) Close() error { return s.file.Close() }

// blame names the target in an error.
func (s *Spec) blame(err error) error {
	if err == nil || s.Header.Label == "" {
		return err
	}
	return fmt.Errorf("%s: %w", s.Header.Label, err)
}

func (s *Spec) read() error {
	type keyed struct {
		path string
		place
	}
	var run []keyed
	var units []*Entry
	flush := func() {
		slices.SortFunc(run, func(a, b keyed) int { return comparePaths(a.path, b.path) })
		places := make([]place, len(run))
		for i, k := range run {
			places[i] = k.place
		}
		s.runs = append(s.runs, places)
		run = run[:0]
	}
	lines := bufio.NewReaderSize(s.file, 1<<16)
	var offset int64
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			if number == 1 {
				return fmt.Errorf("spec %q is empty", s.file.Name())
			}
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read spec: %w", err)
		}
		at := place{offset, int32(len(line))}
		offset += int64(len(line))
		if number == 1 {
			err = decodeLine(line, &s.Header)
			if err == nil {
				err = s.Header.check()
			}
		} else {
			var e Entry
			err = decodeLine(line, &e)
			if err == nil {
				err = e.blame(e.check())
			}
			switch {
			case e.Type == Tree:
				s.trees = append(s.trees, &e)
			default:
				run = append(run, keyed{e.Path, at})
			}
			if isUnit, _ := s.Header.checkUnit(&e); isUnit && e.Type == File {
				units = append(units, &e)
			}
			if len(run) == runLength {
				flush()
			}
		}
		if err != nil {
			return s.blame(fmt.Errorf("spec line %d: %w", number, err))
		}
	}
	flush()
	var err error
	for _, tree := range s.trees {
		found, walkErr := unitsBelow(tree, &s.Header)
		units, err = append(units, found...), errors.Join(err, walkErr)
	}
	if err == nil {
		s.added, err = mountPoints(units)
	}
	return s.blame(err)
}

func (e *Entry) blame(err error) error {
	if err == nil || e.Origin == "" {
		return err
	}
	return fmt.Errorf("%w (from %s)", err, e.Origin)
}

// Entries yields every entry of the image but undeclared parents, sorted so that
// a directory comes just before what it holds.
func (s *Spec) Entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		var group []*Entry
		for e, err := range s.merged() {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(group) > 0 && group[0].Path != e.Path {
				folded, err := fold(group)
				if !yield(folded, err) || err != nil {
					return
				}
				group = group[:0]
			}
			group = append(group, e)
		}
		if len(group) > 0 {
			yield(fold(group))
		}
	}
}

// merged yields all that is said of all paths, sorted by them.
func (s *Spec) merged() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		var m merge
		for _, next := range s.sequences() {
			e, err := next()
			if err != nil {
				yield(nil, err)
				return
			}
			if e != nil {
				m = append(m, &run{entry: e, next: next})
			}
		}
		heap.Init(&m)
		for len(m) > 0 {
			if !yield(m[0].entry, nil) {
				return
			}
			e, err := m[0].next()
			if err != nil {
				yield(nil, err)
				return
			}
			if m[0].entry = e; e != nil {
				heap.Fix(&m, 0)
			} else {
				heap.Pop(&m)
			}
		}
	}
}

// A sequence returns one entry after the other, sorted by path, then nil.
type sequence func() (*Entry, error)

// sequences are all that entries come from: lines, trees and mount points.
func (s *Spec) sequences() []sequence {
	var all []sequence
	for _, places := range s.runs {
		all = append(all, func() (*Entry, error) {
			if len(places) == 0 {
				return nil, nil
			}
			at := places[0]
			places = places[1:]
			return s.entry(at)
		})
	}
	for _, tree := range s.trees {
		all = append(all, walk(tree))
	}
	added := s.added
	return append(all, func() (*Entry, error) {
		if len(added) == 0 {
			return nil, nil
		}
		e := added[0]
		added = added[1:]
		return e, nil
	})
}

// Find returns the entry of a clean absolute path, and nil if there is none. A
// directory that is there only as a parent has an entry all the same. It follows
// no symlink.
func (s *Spec) Find(path string) (*Entry, error) {
	var group []*Entry
	var parent *Entry
	see := func(e *Entry) (more bool) {
		if strings.HasPrefix(e.Path, path+"/") {
			parent = &Entry{Path: path, Type: Directory, Mode: "0755", Origin: e.Origin, Added: true}
		}
		if e.Path == path {
			group = append(group, e)
		}
		return e.Path == path
	}
	for _, places := range s.runs {
		if err := s.search(places, path, see); err != nil {
			return nil, err
		}
	}
	for _, tree := range s.trees {
		e, err := member(tree, path)
		if err != nil {
			return nil, err
		}
		if e != nil {
			see(e)
		}
	}
	for _, e := range s.added {
		see(e)
	}
	if len(group) > 0 {
		return fold(group)
	}
	return parent, nil
}

// search calls see for the first entry of a run that does not come before a
// path, and for further ones as long as it wants more.
func (s *Spec) search(places []place, path string, see func(*Entry) (more bool)) error {
	var failed error
	at := sort.Search(len(places), func(i int) bool {
		e, err := s.entry(places[i])
		failed = errors.Join(failed, err)
		return err != nil || comparePaths(e.Path, path) >= 0
	})
	for ; failed == nil && at < len(places); at++ {
		e, err := s.entry(places[at])
		if err != nil {
			return err
		}
		if !see(e) {
			return nil
		}
	}
	return failed
}

// entry reads a line again.
func (s *Spec) entry(at place) (*Entry, error) {
	line := make([]byte, at.length)
	if _, err := s.file.ReadAt(line, at.offset); err != nil {
		return nil, fmt.Errorf("read spec: %w", err)
	}
	e := new(Entry)
	return e, decodeLine(line, e)
}

// A run is a sequence of which one entry is in memory.
type run struct {
	entry *Entry
	next  sequence
}

// merge is a heap of runs by their current entry.
type merge []*run

func (m merge) Len() int           { return len(m) }
func (m merge) Less(i, j int) bool { return comparePaths(m[i].entry.Path, m[j].entry.Path) < 0 }
func (m merge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merge) Push(r any)        { *m = append(*m, r.(*run)) }
func (m *merge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// comparePaths orders paths by their names, so that a directory comes before
// what it holds and nothing else comes between: "/a", "/a/b", "/a-b".
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
