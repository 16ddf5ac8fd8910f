// Package image makes a portable service image from a spec.
package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
)

// Build makes the image that the spec in the named file declares, with the parameters of fs. If the
// spec or fs is invalid, it does not touch the output. If it fails for another reason, it leaves
// neither a new nor an old output.
func Build(ctx context.Context, name string, fs *FileSystem) error {
	s, err := spec.Read(name)
	if err != nil {
		return err
	}
	return s.Blame(build(ctx, s, fs))
}

func build(ctx context.Context, s *spec.Spec, fs *FileSystem) error {
	if err := fs.check(); err != nil {
		return err
	}
	partial := fs.Output + ".partial"
	for _, name := range []string{fs.Output, partial} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old output: %w", err)
		}
	}
	defer os.Remove(partial)
	if err := checkPortable(s); err != nil {
		return err
	}
	err := fs.make(ctx, partial, func(to io.Writer) error {
		a := newArchive(to, fs.Timestamp)
		for _, e := range s.Entries {
			if err := a.add(e); err != nil {
				return err
			}
		}
		return a.close()
	})
	if err != nil {
		return err
	}
	if err := os.Rename(partial, fs.Output); err != nil {
		return fmt.Errorf("publish image: %w", err)
	}
	return nil
}

// checkPortable returns an error if portablectl would refuse the image, or silently leave out one of
// its units.
func checkPortable(s *spec.Spec) error {
	h := &s.Header
	unit := false
	for _, e := range s.Entries {
		if !h.IsUnitFile(e.Path) {
			continue
		}
		unit = true
		if base := path.Base(e.Path); !h.Attaches(base) {
			ext := path.Ext(base)
			return e.Blame(fmt.Errorf("%q: the unit does not match the portable name %q, so it would never be attached; call it %s%s, or %s-SOMETHING%s",
				e.Path, h.Name, h.Name, ext, h.Name, ext))
		}
	}
	osRelease := false
	for _, name := range spec.OSReleasePaths {
		osRelease = osRelease || s.Find(name) != nil
	}
	switch {
	case !osRelease:
		return fmt.Errorf("no os-release in the image: declare %s", strings.Join(spec.OSReleasePaths, " or "))
	case !unit:
		return fmt.Errorf("no unit in %q: declare at least %s.service", h.UnitDir, h.Name)
	}
	return nil
}
