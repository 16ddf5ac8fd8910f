package counter

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func open(t *testing.T, directory string) *Counter {
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
	c := open(t, dir)
	next(t, c, 1)
	next(t, c, 2)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	next(t, open(t, dir), 3)
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("the state directory holds %v, want the counter alone", entries)
	}
}

// Without the lock around count and write, two visitors get one number.
func TestConcurrentVisitorsGetDifferentNumbers(t *testing.T) {
	c := open(t, t.TempDir())
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
	next(t, open(t, dir), 1)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Fatalf("got %v, want an error that says the counter is in use", err)
	}
}

func TestOpenFailures(t *testing.T) {
	dir := t.TempDir()
	if _, err := Open(filepath.Join(dir, "missing")); err == nil {
		t.Error("opened a counter in a directory that does not exist")
	}
	if err := os.Symlink("/dev/null", filepath.Join(dir, FileName)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("followed a symlink out of the state directory")
	}
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
