package image

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
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
	h := &s.Header
	image, listing := h.Output+".partial", ""
	old := []string{h.Output, image}
	if h.Manifest != "" {
		listing = h.Manifest + ".partial"
		old = append(old, h.Manifest, listing)
	}
	for _, name := range old {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove old output: %w", err)
		}
	}
	defer os.Remove(image)
	defer os.Remove(listing)
	manifest, err := newManifest(listing)
	if err != nil {
		return err
	}
	err = h.Squashfs.run(ctx, image, func(w io.Writer) error { return s.writeTar(w, manifest) })
	if err := errors.Join(err, manifest.close()); err != nil {
		return err
	}
	if h.Manifest != "" {
		if err := os.Rename(listing, h.Manifest); err != nil {
			return fmt.Errorf("publish manifest: %w", err)
		}
	}
	if err := os.Rename(image, h.Output); err != nil {
		return fmt.Errorf("publish image: %w", err)
	}
	s.progress.end()
	return nil
}

// writeTar streams the entries as a tar archive.
func (s *Spec) writeTar(w io.Writer, m *manifest) error {
	archive := &archive{
		tar:      tar.NewWriter(s.progress.count(w)),
		time:     time.Unix(s.Header.Squashfs.Timestamp, 0).UTC(),
		buffer:   make([]byte, 1<<18),
		manifest: m,
		digest:   sha256.New(),
	}
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

// archive writes entries to a tar stream, and lists them.
type archive struct {
	tar      *tar.Writer
	time     time.Time
	buffer   []byte
	manifest *manifest
	digest   hash.Hash
}

func (a *archive) add(e *Entry) error {
	header := &tar.Header{Name: strings.TrimPrefix(e.Path, "/"), ModTime: a.time}
	var err error
	if header.Uid, header.Gid, err = e.owner(); err != nil {
		return err
	}
	switch e.Type {
	case Directory:
		header.Typeflag = tar.TypeDir
		header.Name += "/"
	case Symlink:
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.Target, 0o777
		a.manifest.add(e, 0, nil)
		return a.tar.WriteHeader(header)
	case File:
		header.Typeflag = tar.TypeReg
	}
	if header.Mode, err = e.mode(); err != nil {
		return err
	}
	if e.Type == File {
		return e.blame(a.addFile(header, e))
	}
	a.manifest.add(e, 0, nil)
	return a.tar.WriteHeader(header)
}

func (a *archive) addFile(header *tar.Header, e *Entry) error {
	a.digest.Reset()
	var err error
	switch {
	case len(e.Dropins) > 0:
		var text []byte
		if text, err = e.content(); err == nil {
			header.Size = int64(len(text))
			err = a.copy(header, bytes.NewReader(text))
		}
	case e.Source != "":
		err = a.copyFile(header, e.Source)
	default:
		err = a.tar.WriteHeader(header)
	}
	if err != nil {
		return err
	}
	a.manifest.add(e, header.Size, a.digest.Sum(nil))
	return nil
}

// copyFile writes a file whose content is read from the named one.
func (a *archive) copyFile(header *tar.Header, source string) error {
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
		return fmt.Errorf("%q is not a regular file; pack a directory with trees", source)
	}
	header.Size = info.Size()
	err = a.copy(header, file)
	if errors.Is(err, tar.ErrWriteTooLong) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%q changed while it was read: %d bytes at first", source, header.Size)
	}
	return err
}

// copy writes a file of header.Size bytes.
func (a *archive) copy(header *tar.Header, content io.Reader) error {
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	// Bare, or io would leave the buffer aside for the writer's own.
	into := struct{ io.Writer }{a.tar}
	if a.manifest != nil {
		into.Writer = io.MultiWriter(a.tar, a.digest)
	}
	n, err := io.CopyBuffer(into, struct{ io.Reader }{content}, a.buffer)
	if err == nil && n != header.Size {
		err = io.ErrUnexpectedEOF
	}
	return err
}
