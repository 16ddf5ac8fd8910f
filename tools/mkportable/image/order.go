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
	runs     [][]place
	progress *progress
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
			run = append(run, keyed{e.Path, at})
			if len(run) == runLength {
				flush()
			}
		}
		if err != nil {
			return s.blame(fmt.Errorf("spec line %d: %w", number, err))
		}
	}
	flush()
	return nil
}

func (e *Entry) blame(err error) error {
	if err == nil || e.Origin == "" {
		return err
	}
	return fmt.Errorf("%w (from %s)", err, e.Origin)
}

// Entries yields every entry that the spec declares, sorted so that a directory
// comes just before what it holds.
func (s *Spec) Entries() iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		var m merge
		for _, places := range s.runs {
			r := &run{spec: s, rest: places}
			more, err := r.next()
			if err != nil {
				yield(nil, err)
				return
			}
			if more {
				m = append(m, r)
			}
		}
		heap.Init(&m)
		for len(m) > 0 {
			entry := m[0].entry
			if !yield(entry, nil) {
				return
			}
			more, err := m[0].next()
			if err != nil {
				yield(nil, err)
				return
			}
			if more {
				heap.Fix(&m, 0)
			} else {
				heap.Pop(&m)
			}
		}
	}
}

// Find returns the entry of a clean absolute path, and nil if there is none. A
// directory that is there only as a parent has an entry all the same. It follows
// no symlink.
func (s *Spec) Find(path string) (*Entry, error) {
	var parent *Entry
	for _, places := range s.runs {
		var failed error
		at := sort.Search(len(places), func(i int) bool {
			e, err := s.entry(places[i])
			failed = errors.Join(failed, err)
			return err != nil || comparePaths(e.Path, path) >= 0
		})
		if failed != nil {
			return nil, failed
		}
		if at == len(places) {
			continue
		}
		e, err := s.entry(places[at])
		switch {
		case err != nil:
			return nil, err
		case e.Path == path:
			return e, nil
		case strings.HasPrefix(e.Path, path+"/"):
			parent = &Entry{Path: path, Type: Directory, Mode: "0755", Origin: e.Origin}
		}
	}
	return parent, nil
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

// A run is a sorted part of the spec, of which one entry is in memory.
type run struct {
	spec  *Spec
	rest  []place
	entry *Entry
}

func (r *run) next() (more bool, err error) {
	if len(r.rest) == 0 {
		return false, nil
	}
	r.entry, err = r.spec.entry(r.rest[0])
	r.rest = r.rest[1:]
	return true, err
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
