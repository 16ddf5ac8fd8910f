package image

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// walk yields a tree's own directory and the files in it, in the order of
// comparePaths. Directories below are their parents; one without any file is left
// out, since Bazel does not bring it everywhere. The names of one directory at a time
// are in memory, and of those above it.
func walk(tree *Entry) sequence {
	type level struct {
		below string
		names names
	}
	var levels []level
	enter := func(below string) error {
		names, err := readNames(tree.Source + below)
		levels = append(levels, level{below, names})
		return tree.blame(err)
	}
	started := false
	return func() (*Entry, error) {
		if !started {
			started = true
			root, err := memberBelow(tree, "")
			switch {
			case err != nil:
				return nil, err
			case root.Type != Directory:
				return nil, tree.blame(fmt.Errorf("%q is no directory; pack it with files", tree.Source))
			}
			if err := enter(""); err != nil || tree.Path != "/" {
				return root, err
			}
		}
		for len(levels) > 0 {
			last := &levels[len(levels)-1]
			name, ok := last.names.next()
			if !ok {
				levels = levels[:len(levels)-1]
				continue
			}
			below := last.below + "/" + name
			e, err := memberBelow(tree, below)
			if err != nil || e.Type == File {
				return e, err
			}
			if err := enter(below); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
}

// memberBelow returns the entry of what lies in a tree at below, "" or "/a/b".
func memberBelow(tree *Entry, below string) (*Entry, error) {
	source := tree.Source + below
	info, err := os.Stat(source)
	if err != nil {
		return nil, tree.blame(err)
	}
	e := &Entry{Path: path.Join(tree.Path, below), Origin: tree.Origin}
	switch {
	case info.IsDir():
		e.Type, e.Mode, e.Added = Directory, "0755", true
	case info.Mode().IsRegular():
		e.Type, e.Mode, e.Owner, e.Source = File, tree.Mode, tree.Owner, source
	default:
		return nil, tree.blame(fmt.Errorf("%q is neither a regular file nor a directory", source))
	}
	if e.Path == "/" {
		return e, nil
	}
	return e, tree.blame(e.check())
}

// member returns the entry that a tree has for a path, or for what is above the
// tree itself when the path is; nil if it has neither.
func member(tree *Entry, wanted string) (*Entry, error) {
	if strings.HasPrefix(tree.Path, wanted+"/") {
		return memberBelow(tree, "")
	}
	below, ok := strings.CutPrefix(wanted, strings.TrimSuffix(tree.Path, "/"))
	if !ok || below != "" && below[0] != '/' {
		return nil, nil
	}
	e, err := memberBelow(tree, below)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil, nil
	}
	return e, err
}

// unitsBelow returns the units that lie in a tree.
func unitsBelow(tree *Entry, h *Header) ([]*Entry, error) {
	directory, err := member(tree, h.UnitDir)
	if err != nil || directory == nil || directory.Path != h.UnitDir || directory.Type != Directory {
		return nil, err
	}
	below := strings.TrimPrefix(h.UnitDir, strings.TrimSuffix(tree.Path, "/"))
	names, err := readNames(tree.Source + below)
	if err != nil {
		return nil, tree.blame(err)
	}
	var units []*Entry
	for name, ok := names.next(); ok; name, ok = names.next() {
		e, err := memberBelow(tree, below+"/"+name)
		if err != nil {
			return nil, err
		}
		if isUnit, _ := h.checkUnit(e); isUnit && e.Type == File {
			units = append(units, e)
		}
	}
	return units, nil
}
