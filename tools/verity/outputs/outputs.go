// Package outputs writes files that belong together: all of them appear complete, or none does.
package outputs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Files are outputs that are being written, under temporary names beside their own.
type Files struct{ files []output }

type output struct {
	file *os.File
	name string
}

// partial follows the name of a file that is being written.
const partial = ".partial"

// Create opens an output, empty, for reading and writing.
func (f *Files) Create(name string) (*os.File, error) {
	if slices.ContainsFunc(f.files, func(o output) bool { return o.name == name }) {
		return nil, fmt.Errorf("%s: two outputs have this name; give each one of its own", name)
	}
	// Left by a process that was killed.
	if err := os.Remove(name + partial); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	file, err := os.OpenFile(name+partial, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	f.files = append(f.files, output{file, name})
	return file, nil
}

// Write adds an output with a content.
func (f *Files) Write(name, content string) error {
	file, err := f.Create(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, content)
	return err
}

// Commit gives the outputs their names, in place of files that have them. Only a disk's own
// trouble between two names can leave some of them out.
func (f *Files) Commit() error {
	for _, o := range f.files {
		if err := o.file.Close(); err != nil {
			return err
		}
	}
	for _, o := range f.files {
		if err := os.Rename(o.name+partial, o.name); err != nil {
			return err
		}
	}
	return nil
}

// Discard removes files that Commit has not published. Call it with defer.
func (f *Files) Discard() {
	for _, o := range f.files {
		_ = o.file.Close()
		_ = os.Remove(o.name + partial)
	}
}
