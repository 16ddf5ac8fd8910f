package image

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// writeTar streams the entries as a tar archive into a pipe.
func (s *Spec) writeTar(to *os.File) error {
	a, err := newArchive(to, s.Header.Squashfs.Timestamp, s.progress)
	if err != nil {
		return err
	}
	if err := s.eachPath(a.add); err != nil {
		return err
	}
	return a.close()
}

// archive writes entries to a tar stream.
type archive struct {
	buffered *bufio.Writer
	time     time.Time
}

// newArchive starts one into a pipe, with a time for all that is in it, in seconds since
// 1970.
func newArchive(to *os.File, timestamp int64, progress *progress) (*archive, error) {
	pipe, err := newPipe(to, progress)
	if err != nil {
		return nil, err
	}
	// A small file's header, content and padding go into the pipe together.
	return &archive{bufio.NewWriterSize(pipe, 1<<18), time.Unix(timestamp, 0).UTC()}, nil
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
		return a.header(header)
	case File:
		header.Typeflag = tar.TypeReg
	}
	if header.Mode, err = e.mode(); err != nil {
		return err
	}
	if e.Type == File {
		return e.blame(e.read(func(content io.Reader, size int64) error {
			header.Size = size
			return a.file(header, content)
		}))
	}
	return a.header(header)
}

// header writes what comes before a file's content. A tar.Writer of its own, since one
// that lives on wants the content as well, and would copy it.
func (a *archive) header(h *tar.Header) error {
	return tar.NewWriter(a.buffered).WriteHeader(h)
}

// small is the size up to which a copy costs less than to hand over pages.
const small = 1 << 14

// file writes a file of h.Size bytes.
func (a *archive) file(h *tar.Header, content io.Reader) error {
	if err := a.header(h); err != nil {
		return err
	}
	if h.Size > small {
		if err := a.buffered.Flush(); err != nil {
			return err
		}
	}
	n, err := a.buffered.ReadFrom(&io.LimitedReader{R: content, N: h.Size})
	if err != nil {
		return err
	}
	if n != h.Size {
		return fmt.Errorf("it ends after %d bytes of %d; build again when nothing writes to it", n, h.Size)
	}
	return a.zeros(int(-n & (block - 1)))
}

// block is tar's unit: content is padded to it, two of zeros are the end.
const block = 512

var noContent [2 * block]byte

func (a *archive) zeros(n int) error {
	_, err := a.buffered.Write(noContent[:n])
	return err
}

func (a *archive) close() error {
	return errors.Join(a.zeros(2*block), a.buffered.Flush())
}
