package image

import (
	"archive/tar"
	"bufio"
	"bytes"
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
	// A small file's header, content and padding go into the pipe together.
	buffered := bufio.NewWriterSize(s.progress.count(w), 1<<18)
	archive := &archive{
		tar:    tar.NewWriter(buffered),
		time:   time.Unix(s.Header.Squashfs.Timestamp, 0).UTC(),
		buffer: make([]byte, 1<<18),
	}
	if err := s.eachPath(archive.add); err != nil {
		return err
	}
	return errors.Join(archive.tar.Close(), buffered.Flush())
}

// eachPath calls add for all that the image holds, sorted, and checks it.
func (s *Spec) eachPath(add func(*Entry) error) error {
	var tree tree
	var required required
	for e, err := range s.Entries() {
		if err != nil {
			return err
		}
		if err := required.see(&s.Header, e); err != nil {
			return e.blame(err)
		}
		if err := tree.add(e, add); err != nil {
			return err
		}
		s.progress.entry()
	}
	return required.check(&s.Header)
}

// required is what makes an image a portable service image at all.
type required struct{ unit, osRelease bool }

// OSReleasePaths are where os-release(5) is looked for, in systemd's order.
var OSReleasePaths = []string{"/etc/os-release", "/usr/lib/os-release"}

func (r *required) see(h *Header, e *Entry) error {
	isUnit, err := h.checkUnit(e)
	r.unit = r.unit || isUnit
	for _, path := range OSReleasePaths {
		r.osRelease = r.osRelease || e.Path == path
	}
	return err
}

func (r *required) check(h *Header) error {
	if !r.osRelease {
		return fmt.Errorf("no os-release in the image: declare %s", strings.Join(OSReleasePaths, " or "))
	}
	if !r.unit {
		return fmt.Errorf("no unit in %q: declare at least %s.service", h.UnitDir, h.Name)
	}
	return nil
}

// archive writes entries to a tar stream.
type archive struct {
	tar    *tar.Writer
	time   time.Time
	buffer []byte
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
		return a.tar.WriteHeader(header)
	case File:
		header.Typeflag = tar.TypeReg
	}
	if header.Mode, err = e.mode(); err != nil {
		return err
	}
	if e.Type == File {
		return e.blame(e.read(func(content io.Reader, size int64) error {
			header.Size = size
			return a.copy(header, content)
		}))
	}
	return a.tar.WriteHeader(header)
}

// copy writes a file of header.Size bytes.
func (a *archive) copy(header *tar.Header, content io.Reader) error {
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	// Bare reader and writer, or io would leave the buffer aside for its own.
	n, err := io.CopyBuffer(struct{ io.Writer }{a.tar}, struct{ io.Reader }{content}, a.buffer)
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && n != header.Size {
		return fmt.Errorf("it changed while it was read: %d bytes at first", header.Size)
	}
	return err
}

// read calls use with a file's content and its size.
func (e *Entry) read(use func(content io.Reader, size int64) error) error {
	if len(e.Dropins) > 0 {
		text, err := e.content()
		if err != nil {
			return err
		}
		return use(bytes.NewReader(text), int64(len(text)))
	}
	if e.Source == "" {
		return use(strings.NewReader(""), 0)
	}
	file, err := os.Open(e.Source)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%q is not a regular file; pack a directory with trees", e.Source)
	}
	if err := use(file, info.Size()); err != nil {
		return fmt.Errorf("%q: %w", e.Source, err)
	}
	return nil
}
