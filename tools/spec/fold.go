package spec

import (
	"cmp"
	"fmt"
	"strings"
)

// fold joins all entries of one path: its declaration, its attributes, and the entries that
// mkportable adds.
func fold(group []*Entry) (*Entry, error) {
	if len(group) == 1 && group[0].Type != Attributes {
		return group[0], nil
	}
	var declared, added *Entry
	var attributes []*Entry
	for _, e := range group {
		switch {
		case e.Type == Attributes:
			attributes = append(attributes, e)
		case !e.Added && declared != nil:
			return nil, declared.twice(e)
		case !e.Added:
			declared = e
		case added == nil:
			added = e
		default:
			both, err := added.and(e)
			if err != nil {
				return nil, err
			}
			added = both
		}
	}
	folded, err := choose(declared, added)
	if err != nil {
		return nil, err
	}
	if folded == nil {
		return nil, fmt.Errorf("%q: %s is for a path that nothing declares; declare the path, or correct it", group[0].Path, group[0].DeclaredBy())
	}
	return folded.with(attributes)
}

// twice returns the error for two entries that declare one path.
func (e *Entry) twice(other *Entry) error {
	switch {
	case e.Origin != other.Origin:
		return fmt.Errorf("%q: declared twice, by %s and by %s; leave one of them out", e.Path, e.DeclaredBy(), other.DeclaredBy())
	case e.Source == other.Source:
		return fmt.Errorf("%q: declared twice, by %s; leave one of them out", e.Path, e.DeclaredBy())
	}
	return fmt.Errorf("%q: declared twice, by %s: from %q and %q; if both come from one label, add a slash to the end of the path to make it a directory for them; otherwise leave one of them out",
		e.Path, e.DeclaredBy(), e.Source, other.Source)
}

// choose prefers a declared entry to an added one.
func choose(declared, added *Entry) (*Entry, error) {
	switch {
	case declared == nil:
		return added, nil
	// A mount follows a symlink.
	case added == nil || added.anyType || declared.Type == Symlink || declared.Type == added.Type:
		return declared, nil
	}
	return nil, fmt.Errorf("%q: declared as a %s (by %s), but it must be a %s (%s); leave it out, because it is added automatically, or declare it as a %s",
		declared.Path, declared.Type, declared.DeclaredBy(), added.Type, added.DeclaredBy(), added.Type)
}

// and joins two reasons to add a path.
func (e *Entry) and(other *Entry) (*Entry, error) {
	both, gone := *e, other
	if e.anyType {
		both, gone = *other, e
	}
	both.Content = cmp.Or(both.Content, gone.Content)
	both.Guess = min(both.Guess, gone.Guess)
	switch {
	case both.Type == gone.Type:
		// A directory that everyone may write to stays so: 1777 takes precedence over 0755.
		both.Mode = max(both.Mode, gone.Mode)
	case !gone.anyType:
		return nil, fmt.Errorf("%q: it must be a %s (%s) and a %s (%s); change one of them", e.Path, e.Type, e.DeclaredBy(), other.Type, other.DeclaredBy())
	}
	if !strings.Contains(both.Origin, gone.Origin) {
		both.Origin += "; " + gone.Origin
	}
	return &both, nil
}

// with returns an entry with other attributes.
func (e *Entry) with(attributes []*Entry) (*Entry, error) {
	changed := *e
	var mode, owner *Entry
	for _, a := range attributes {
		if a.Mode != "" {
			if e.Type == Symlink {
				return nil, fmt.Errorf("%q: %s is for a symlink, which has no mode of its own; leave it out, or set the mode of the symlink's target", e.Path, a.DeclaredBy())
			}
			if mode != nil {
				return nil, fmt.Errorf("%q: its mode is set twice, by %s and by %s; leave one of them out", e.Path, mode.DeclaredBy(), a.DeclaredBy())
			}
			mode, changed.Mode = a, a.Mode
		}
		if a.Owner != "" {
			if owner != nil {
				return nil, fmt.Errorf("%q: its owner is set twice, by %s and by %s; leave one of them out", e.Path, owner.DeclaredBy(), a.DeclaredBy())
			}
			owner, changed.Owner = a, a.Owner
		}
	}
	return &changed, nil
}
