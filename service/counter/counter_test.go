package counter

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func mustOpen(t *testing.T, directory string) *Counter {
	t.Helper()
	c, err := Open(directory)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func next(t *testing.T, c *Counter, want uint64) {
	t.Helper()
	if got, err := c.Next(); err != nil || got != want {
		t.Fatalf("got %d, %v, want %d", got, err, want)
	}
}

func TestCountsOnAfterAReopen(t *testing.T) {
	dir := t.TempDir()
	c := mustOpen(t, dir)
	next(t, c, 1)
	next(t, c, 2)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	next(t, mustOpen(t, dir), 3)
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the state directory has %v, want the counter alone", entries)
	}
}

// Without the lock around count and write, two visitors get one number.
func TestConcurrentVisitorsGetDifferentNumbers(t *testing.T) {
	c := mustOpen(t, t.TempDir())
	const visitors, visits = 8, 50
	seen := make([]int, visitors*visits+1)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range visitors {
		wg.Go(func() {
			for range visits {
				n, err := c.Next()
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				seen[n]++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for n, times := range seen[1:] {
		if times != 1 {
			t.Fatalf("number %d was given %d times", n+1, times)
		}
	}
}

func TestDamagedFileIsRefusedAndLeftAlone(t *testing.T) {
	good := string(encode(41))
	for name, content := range map[string]string{
		"empty":          "",
		"truncated":      good[:len(good)-1],
		"too long":       good + "\n",
		"other count":    strings.Replace(good, "41", "42", 1),
		"other checksum": good[:len(good)-2] + "x\n",
		"seed's format":  "41",
		"zeroes":         strings.Repeat("\x00", len(good)),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, FileName)
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			c, err := Open(dir)
			if err == nil {
				c.Close()
				t.Fatal("opened")
			}
			for _, want := range []string{path, "damaged", "backup"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if after, _ := os.ReadFile(path); string(after) != content {
				t.Errorf("the file was changed to %q", after)
			}
		})
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	next(t, mustOpen(t, dir), 1)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "locked by another process") {
		t.Fatalf("got %v, want an error that names the other process", err)
	}
}

// Open refuses everything that is not a counter's file, names its path, and does not change it.
func TestOpenFailures(t *testing.T) {
	for name, test := range map[string]struct {
		make func(path string) error
		want string
	}{
		"symlink":   {func(path string) error { return os.Symlink("/dev/null", path) }, "too many levels"},
		"directory": {func(path string) error { return os.Mkdir(path, 0o700) }, "is a directory"},
		"FIFO":      {func(path string) error { return syscall.Mkfifo(path, 0o600) }, "not a regular file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, FileName)
			if err := test.make(path); err != nil {
				t.Fatal(err)
			}
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q and the path", err, test.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "missing")); err == nil || !strings.Contains(err.Error(), "must exist") {
		t.Errorf("missing directory: got %v", err)
	}
}

// A failed write answers with an error, burns its number, and is reported once.
func TestFailedWrites(t *testing.T) {
	c := mustOpen(t, t.TempDir())
	good := c.file
	var reports []error
	c.Report = func(err error) { reports = append(reports, err) }
	next(t, c, 1)
	c.file = failing{good}
	for range 3 {
		if n, err := c.Next(); err == nil {
			t.Errorf("got %d though the disk is broken", n)
		}
	}
	c.file = good
	next(t, c, 5)
	if len(reports) != 2 || reports[0] == nil || reports[1] != nil {
		t.Errorf("reported %v, want one failure and the recovery", reports)
	}
}

type failing struct{ file }

func (failing) Sync() error { return syscall.EIO }

func TestTheLastNumber(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, FileName), encode(math.MaxUint64-1), 0o600); err != nil {
		t.Fatal(err)
	}
	c := mustOpen(t, dir)
	next(t, c, math.MaxUint64)
	if n, err := c.Next(); !errors.Is(err, ErrExhausted) {
		t.Errorf("got %d, %v, want ErrExhausted: never 0 or 1 again", n, err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(encode(0))
	f.Add(encode(math.MaxUint64))
	f.Add(bytes.Replace(encode(41), []byte("41"), []byte("42"), 1))
	f.Fuzz(func(t *testing.T, record []byte) {
		if count, ok := decode(record); ok && !bytes.Equal(encode(count), record) {
			t.Errorf("%q was taken for %d", record, count)
		}
	})
}

func TestStateDirectory(t *testing.T) {
	for value, want := range map[string]string{
		"/var/lib/a":            "/var/lib/a",
		"/var/lib/a:/var/lib/b": "/var/lib/a",
		"":                      "",
		"relative":              "",
	} {
		t.Setenv("STATE_DIRECTORY", value)
		got, err := StateDirectory()
		if got != want || (err == nil) != (want != "") {
			t.Errorf("$STATE_DIRECTORY=%q: got %q, %v, want %q", value, got, err, want)
		}
	}
}
