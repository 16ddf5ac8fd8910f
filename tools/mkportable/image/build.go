package image

import (
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
	// Not its time: engines touch what they store while others use it.
	after, err := file.Stat()
	if err != nil {
		return err
	}
	if after.Size() != info.Size() {
		return fmt.Errorf("%q changed while it was read: it had %d bytes, and has %d; build again when nothing writes to it", e.Source, info.Size(), after.Size())
	}
	return nil
}
