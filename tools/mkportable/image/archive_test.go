package image

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// openArchive returns an archive, and what closes it and returns all of it.
func openArchive(t *testing.T) (a *archive, closed func() []byte) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out := make(chan []byte, 1)
	go func() {
		defer read.Close()
		all, err := io.ReadAll(read)
		if err != nil {
			t.Error(err)
		}
		out <- all
	}()
	a, err = newArchive(write, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a, func() []byte {
		if err := errors.Join(a.close(), write.Close()); err != nil {
			t.Error(err)
		}
		return <-out
	}
}

func writeFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Copied or moved, the archive is the one that archive/tar itself writes.
func TestArchiveIsAsGoWritesIt(t *testing.T) {
	const long = "/a/name/of/more/than/a/hundred/bytes/which/is/what/fits/into/the/header/of/a/file/itself/and/then/one/more/name"
	for _, size := range []int{0, 1, block - 1, block, small, small + 1, 3*block + small, 3 * pipeSize / 2} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			content := strings.Repeat("0123456789abcde\n", size/16+1)[:size]
			a, closed := openArchive(t)
			var want bytes.Buffer
			w := tar.NewWriter(&want)
			for _, path := range []string{"/first", long, "/last"} {
				if err := a.add(&Entry{Path: path, Type: File, Mode: "0640", Owner: "7:8", Source: writeFile(t, content)}); err != nil {
					t.Fatal(err)
				}
				h := &tar.Header{Typeflag: tar.TypeReg, Name: path[1:], Mode: 0o640, Uid: 7, Gid: 8, Size: int64(size), ModTime: time.Unix(0, 0)}
				if err := errors.Join(w.WriteHeader(h), copyTo(w, content)); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if got := closed(); !bytes.Equal(got, want.Bytes()) {
				t.Errorf("%d bytes of archive differ from the %d wanted", len(got), want.Len())
			}
		})
	}
}

func copyTo(w io.Writer, content string) error {
	_, err := io.WriteString(w, content)
	return err
}

// What a file system can't move is copied: this file of /proc has no pages.
func TestContentWithoutPages(t *testing.T) {
	file, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	a, closed := openArchive(t)
	if err := a.buffered.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := a.buffered.ReadFrom(&io.LimitedReader{R: file, N: 5}); err != nil {
		t.Fatal(err)
	}
	if got := closed(); !bytes.HasPrefix(got, []byte("Name:\x00")) {
		t.Errorf("got %q", got[:min(len(got), 10)])
	}
}

func TestFilesThatChange(t *testing.T) {
	for name, change := range map[string]func(*os.File) error{
		"shorter": func(f *os.File) error { return f.Truncate(10) },
		"longer":  func(f *os.File) error { return f.Truncate(1 << 19) },
		// By an engine that notes when it was last used.
		"touched": func(f *os.File) error { return os.Chtimes(f.Name(), time.Time{}, time.Unix(1, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			e := &Entry{Path: "/file", Type: File, Mode: "0644", Source: writeFile(t, strings.Repeat("x", 1<<18))}
			a, closed := openArchive(t)
			err := e.read(func(content io.Reader, size int64) error {
				f, err := os.OpenFile(e.Source, os.O_WRONLY, 0)
				if err != nil {
					return err
				}
				defer f.Close()
				if err := change(f); err != nil {
					return err
				}
				return a.file(&tar.Header{Name: "file", Size: size}, content)
			})
			closed()
			switch {
			case name == "touched" && err != nil:
				t.Error(err)
			case name != "touched" && (err == nil || !strings.Contains(err.Error(), e.Source) || !strings.Contains(err.Error(), "build again")):
				t.Errorf("got %v", err)
			}
		})
	}
}

// mksquashfs may end early: that is an error of its own, and no signal ends us.
func TestReaderGone(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	read.Close()
	a, err := newArchive(write, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = a.add(&Entry{Path: "/file", Type: File, Mode: "0644", Source: writeFile(t, strings.Repeat("x", 1<<20))})
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v, want EPIPE", err)
	}
}
