package image

import (
	"fmt"
	"path"
	"strings"
)

// A tree checks sorted entries against each other and adds missing parents.
type tree struct {
	// last is the entry before, and above it are its parents, outermost first.
	last  *Entry
	above []*Entry
}

// add calls emit for the parents of an entry that were not declared, then for
// the entry. Entries must come in the order of comparePaths.
func (t *tree) add(e *Entry, emit func(*Entry) error) error {
	if t.last != nil {
		t.above = append(t.above, t.last)
	}
	for len(t.above) > 0 && !strings.HasPrefix(e.Path, t.above[len(t.above)-1].Path+"/") {
		t.above = t.above[:len(t.above)-1]
	}
	if n := len(t.above); n > 0 && t.above[n-1].Type != Directory {
		parent := t.above[n-1]
		return fmt.Errorf("%q (from %s) lies below %q, which is a %s (from %s); put one of them elsewhere", e.Path, e.origin(), parent.Path, parent.Type, parent.origin())
	}
	if dir := path.Dir(e.Path); dir != "/" && (len(t.above) == 0 || t.above[len(t.above)-1].Path != dir) {
		parent := &Entry{Path: dir, Type: Directory, Mode: "0755", Origin: "parent directory", Added: true}
		t.last = nil
		if err := t.add(parent, emit); err != nil {
			return err
		}
		t.above = append(t.above, parent)
	}
	t.last = e
	return emit(e)
}
