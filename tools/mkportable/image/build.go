package image

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Build makes the image that the spec in the named file declares. When it fails
// no output is left, neither a new one nor an old. A run of more than some seconds
// tells progress how far it is, once a second; nil for none.
func Build(ctx context.Context, spec string, progress io.Writer) error {
	s, err := Open(spec)
	if err != nil {
		return err
	}
	defer s.Close()
	s.progress = newProgress(progress, time.Now)
	return s.blame(s.build(ctx))
}

func (s *Spec) build(ctx context.Context) error {
	output := s.Header.Output
	partial := output + ".partial"
	for _, name := range []string{output, partial} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old output: %w", err)
		}
	}
	defer os.Remove(partial)
	if err := s.Header.Squashfs.run(ctx, partial, s.writeTar); err != nil {
		return err
	}
	if err := os.Rename(partial, output); err != nil {
		return fmt.Errorf("publish image: %w", err)
	}
	s.progress.end()
	return nil
}

// writeTar streams the entries as a tar archive.
func (s *Spec) writeTar(w io.Writer) error {
	archive := &archive{tar: tar.NewWriter(s.progress.count(w)), buffer: make([]byte, 1<<18)}
	var tree tree
	var required required
	for e, err := range s.Entries() {
		if err != nil {
			return err
		}
		if err := required.see(&s.Header, e); err != nil {
			return e.blame(err)
		}
		if err := tree.add(e, archive.add); err != nil {
			return err
		}
		s.progress.entry()
	}
	if err := required.check(&s.Header); err != nil {
		return err
	}
	return archive.tar.Close()
}

// required is what makes an image a portable service image at all.
type required struct{ unit, osRelease bool }

// osReleasePaths are where os-release(5) is looked for.
var osReleasePaths = []string{"/usr/lib/os-release", "/etc/os-release"}

func (r *required) see(h *Header, e *Entry) error {
	isUnit, err := h.checkUnit(e)
	r.unit = r.unit || isUnit
	for _, path := range osReleasePaths {
		r.osRelease = r.osRelease || e.Path == path
	}
	return err
}

func (r *required) check(h *Header) error {
	if !r.osRelease {
		return fmt.Errorf("no os-release in the image: declare %s", strings.Join(osReleasePaths, " or "))
	}
	if !r.unit {
		return fmt.Errorf("no unit in %q: declare at least %s.service", h.UnitDir, h.Name)
	}
	return nil
}

// archive writes entries to a tar stream.
type archive struct {
	tar    *tar.Writer
	buffer []byte
}

// epoch is every entry's time.
var epoch = time.Unix(0, 0).UTC()

func (a *archive) add(e *Entry) error {
	header := &tar.Header{Name: strings.TrimPrefix(e.Path, "/"), ModTime: epoch}
	switch e.Type {
	case Directory:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case Symlink:
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.Target, 0o777
		return a.tar.WriteHeader(header)
	case File:
		header.Typeflag = tar.TypeReg
	}
	var err error
	if header.Mode, err = e.mode(); err != nil {
		return err
	}
	if e.Type == File && e.Source != "" {
		return e.blame(a.copy(header, e.Source))
	}
	return a.tar.WriteHeader(header)
}

// copy writes a file whose content is read from the named one.
func (a *archive) copy(header *tar.Header, source string) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%q is not a regular file; only files can be packed by name", source)
	}
	header.Size = info.Size()
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	// Bare reader and writer, or io would leave the buffer aside for its own.
	n, err := io.CopyBuffer(struct{ io.Writer }{a.tar}, struct{ io.Reader }{file}, a.buffer)
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && n != header.Size {
		return fmt.Errorf("%q changed while it was read: %d bytes at first", source, header.Size)
	}
	return err
}
