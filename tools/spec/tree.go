package spec

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// withTrees replaces trees by their files.
func withTrees(entries []*Entry) ([]*Entry, error) {
	var all []*Entry
	for _, e := range entries {
		if e.Type != Tree {
			all = append(all, e)
			continue
		}
		info, err := os.Stat(e.Source)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%q is not a directory; pack it with files", e.Source)
		}
		if err == nil {
			if e.Path != "/" {
				all = append(all, &Entry{Path: e.Path, Type: Directory, Mode: "0755", Origin: e.Origin, Added: true})
			}
			tree := *e
			if root := treeRoot(e.Source); root != e.Source {
				tree.Source, tree.declared = root, e.Source
			}
			err = tree.eachFile("", func(file *Entry) { all = append(all, file) })
		}
		if err != nil {
			return nil, e.Blame(err)
		}
	}
	return all, nil
}

// errNotStaged ends a walk.
var errNotStaged = errors.New("not a symlink that a sandbox made")

// treeRoot returns the directory of a tree's files. In a sandbox, every file and every symlink of
// the tree is a symlink into that directory.
func treeRoot(source string) string {
	var root string
	err := filepath.WalkDir(source, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || name == source {
			return err
		}
		target, err := os.Readlink(name)
		if err != nil {
			return errNotStaged
		}
		if _, ok := stagedFrom(name, target); !ok {
			return errNotStaged
		}
		from := strings.TrimSuffix(target, strings.TrimPrefix(name, source))
		if root != "" && from != root {
			return errNotStaged
		}
		root = from
		return nil
	})
	if err != nil || root == "" {
		return source
	}
	return root
}

// eachFile visits the files and symlinks of a tree below one of its directories, "" or "a/b". It
// leaves out directories without files, because Bazel does not always keep them.
func (e *Entry) eachFile(below string, visit func(*Entry)) error {
	members, err := os.ReadDir(path.Join(e.Source, below))
	if err != nil {
		return err
	}
	for _, m := range members {
		name := path.Join(below, m.Name())
		file := &Entry{Path: path.Join(e.Path, name), Type: File, Mode: e.Mode, Owner: e.Owner, Source: path.Join(e.Source, name), Origin: e.Origin}
		if e.declared != "" {
			file.declared = path.Join(e.declared, name)
		}
		switch kind := m.Type(); {
		case kind.IsDir():
			if err := e.eachFile(name, visit); err != nil {
				return err
			}
			continue
		case kind&os.ModeSymlink != 0:
			target, err := os.Readlink(file.Source)
			if err != nil {
				return err
			}
			file = &Entry{Path: file.Path, Type: Symlink, Owner: e.Owner, Target: target, Origin: e.Origin}
			if err := checkInside(name, target); err != nil {
				return fmt.Errorf("%q: %w", file.Path, err)
			}
		case !kind.IsRegular():
			return fmt.Errorf("%q is neither a regular file nor a directory", file.Source)
		}
		if err := file.check(); err != nil {
			return err
		}
		visit(file)
	}
	return nil
}

// checkInside verifies that a tree's symlinks stay inside the tree.
func checkInside(name, target string) error {
	if path.IsAbs(target) {
		return fmt.Errorf("symlink target %q is absolute, so it refers to the building machine; write it relative to the symlink", target)
	}
	if to := path.Join(path.Dir(name), target); to == ".." || strings.HasPrefix(to, "../") {
		return fmt.Errorf("symlink target %q leads out of the packed directory; pack a directory that contains both, or declare the symlink with symlinks", target)
	}
	return nil
}
