package spec

import (
	"fmt"
	"os"
	"path"
)

// withTrees puts the files of trees in the place of the trees.
func withTrees(entries []*Entry) ([]*Entry, error) {
	var all []*Entry
	for _, e := range entries {
		if e.Type != Tree {
			all = append(all, e)
			continue
		}
		info, err := os.Stat(e.Source)
		if err == nil && !info.IsDir() {
			err = fmt.Errorf("%q is no directory; pack it with files", e.Source)
		}
		if err == nil {
			if e.Path != "/" {
				all = append(all, &Entry{Path: e.Path, Type: Directory, Mode: "0755", Origin: e.Origin, Added: true})
			}
			err = e.eachFile("", func(file *Entry) { all = append(all, file) })
		}
		if err != nil {
			return nil, e.Blame(err)
		}
	}
	return all, nil
}

// eachFile visits a tree's files that lie below a directory of it, "" or "a/b". Directories
// without any file are left out, since Bazel does not bring them everywhere.
func (e *Entry) eachFile(below string, visit func(*Entry)) error {
	members, err := os.ReadDir(path.Join(e.Source, below))
	if err != nil {
		return err
	}
	for _, m := range members {
		name := path.Join(below, m.Name())
		source, kind := path.Join(e.Source, name), m.Type()
		if kind&os.ModeSymlink != 0 {
			info, err := os.Stat(source)
			if err != nil {
				return err
			}
			kind = info.Mode().Type()
		}
		switch {
		case kind.IsDir():
			if err := e.eachFile(name, visit); err != nil {
				return err
			}
		case kind.IsRegular():
			file := &Entry{Path: path.Join(e.Path, name), Type: File, Mode: e.Mode, Owner: e.Owner, Source: source, Origin: e.Origin}
			if err := file.check(); err != nil {
				return err
			}
			visit(file)
		default:
			return fmt.Errorf("%q is neither a regular file nor a directory", source)
		}
	}
	return nil
}
