package image

import (
	"archive/tar"
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/tools/spec"
)

// archive writes entries to a tar stream.
type archive struct {
	buffered *bufio.Writer
	tar      *tar.Writer
	time     time.Time
	buffer   []byte
}

// newArchive starts an archive with one time for all files, in seconds since 1970.
func newArchive(to io.Writer, timestamp int64) *archive {
	// A small file's header, content and padding go into the pipe together.
	buffered := bufio.NewWriterSize(to, 1<<18)
	return &archive{buffered, tar.NewWriter(buffered), time.Unix(timestamp, 0).UTC(), make([]byte, 1<<18)}
}

func (a *archive) add(e *spec.Entry) error {
	header := &tar.Header{Name: strings.TrimPrefix(e.Path, "/"), ModTime: a.time}
	var err error
	if header.Uid, header.Gid, err = e.Owners(); err != nil {
		return err
	}
	if e.Type == spec.Symlink {
		header.Typeflag, header.Linkname, header.Mode = tar.TypeSymlink, e.Target, 0o777
		return a.tar.WriteHeader(header)
	}
	if header.Mode, err = e.Permissions(); err != nil {
		return err
	}
	if e.Type == spec.Directory {
		header.Typeflag = tar.TypeDir
		header.Name += "/"
		return a.tar.WriteHeader(header)
	}
	header.Typeflag = tar.TypeReg
	return e.Blame(read(e, func(content io.Reader, size int64) error {
		header.Size = size
		return a.file(header, content)
	}))
}

// file writes a file of h.Size bytes.
func (a *archive) file(h *tar.Header, content io.Reader) error {
	if err := a.tar.WriteHeader(h); err != nil {
		return err
	}
	// Plain interfaces, because io.Copy would otherwise make a buffer for each file.
	n, err := io.CopyBuffer(struct{ io.Writer }{a.tar}, &io.LimitedReader{R: content, N: h.Size}, a.buffer)
	if err == nil && n != h.Size {
		err = fmt.Errorf("it ends after %d bytes of %d; build again while no program writes to it", n, h.Size)
	}
	return err
}

func (a *archive) close() error { return errors.Join(a.tar.Close(), a.buffered.Flush()) }

// read calls use with the content and the size of a file.
func read(e *spec.Entry, use func(content io.Reader, size int64) error) error {
	if len(e.Dropins) > 0 {
		text, err := e.UnitText()
		if err != nil {
			return err
		}
		return use(bytes.NewReader(text), int64(len(text)))
	}
	if e.Source == "" {
		return use(strings.NewReader(e.Content), int64(len(e.Content)))
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
	// It does not compare times, because engines touch stored files while actions use them.
	after, err := file.Stat()
	if err != nil {
		return err
	}
	if after.Size() != info.Size() {
		return fmt.Errorf("%q changed while mkportable read it: it had %d bytes, and now has %d; build again while no program writes to it", e.Source, info.Size(), after.Size())
	}
	return nil
}
