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

	"example.org/portable-walkthrough-go/tools/spec"
)

func writeFile(t *testing.T, content string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A small file, one that fills tar's blocks and one that is larger than all buffers: what
// comes after each is where it belongs.
func TestArchive(t *testing.T) {
	const long = "/a/name/of/more/than/a/hundred/bytes/which/is/what/fits/into/the/header/of/a/file/itself/and/then/one/more/name"
	content := strings.Repeat("0123456789abcde\n", 1<<16)
	var buffer bytes.Buffer
	a := newArchive(&buffer, 7)
	want := map[string]int{}
	for i, size := range []int{0, 1, 511, 512, 1 << 18, len(content)} {
		name := fmt.Sprint(long, i)
		want[name[1:]] = size
		if err := a.add(&spec.Entry{Path: name, Type: spec.File, Mode: "0640", Owner: "7:8", Source: writeFile(t, content[:size])}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	for archive := tar.NewReader(&buffer); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(archive)
		if size, ok := want[h.Name]; err != nil || !ok || string(got) != content[:size] {
			t.Errorf("%s: %d bytes, %v, want %d", h.Name, len(got), err, size)
		}
		if h.Mode != 0o640 || h.Uid != 7 || h.Gid != 8 || h.ModTime.Unix() != 7 {
			t.Errorf("%+v", h)
		}
		delete(want, h.Name)
	}
	if len(want) > 0 {
		t.Errorf("not in the archive: %v", want)
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
			e := &spec.Entry{Path: "/file", Type: spec.File, Mode: "0644", Source: writeFile(t, strings.Repeat("x", 1<<18))}
			a := newArchive(io.Discard, 0)
			err := read(e, func(content io.Reader, size int64) error {
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
			switch {
			case name == "touched" && err != nil:
				t.Error(err)
			case name != "touched" && (err == nil || !strings.Contains(err.Error(), e.Source) || !strings.Contains(err.Error(), "build again")):
				t.Errorf("got %v", err)
			}
		})
	}
}

// mksquashfs may end early: that is an error of its own, and no signal ends this process.
func TestReaderGone(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	read.Close()
	a := newArchive(write, 0)
	err = a.add(&spec.Entry{Path: "/file", Type: spec.File, Mode: "0644", Source: writeFile(t, strings.Repeat("x", 1<<20))})
	if !errors.Is(err, syscall.EPIPE) {
		t.Errorf("got %v, want EPIPE", err)
	}
}
