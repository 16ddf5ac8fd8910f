package check

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"example.org/portable-walkthrough-go/tools/spec"
)

// A text is found wherever it lies, also between what is read at once, and programs
// are not held in memory as a whole.
func TestHolds(t *testing.T) {
	const text, size = "NOTIFY_SOCKET", 16 << 20
	e := &spec.Entry{Path: "/usr/bin/foo", Type: spec.File, Source: filepath.Join(t.TempDir(), "foo")}
	put := func(text string, at int64) {
		t.Helper()
		file, err := os.Create(e.Source)
		if err == nil {
			_, err = file.WriteAt([]byte(text), at)
		}
		if err == nil {
			err = file.Truncate(size) // the rest takes no place on disk
		}
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
	}
	for _, at := range []int64{0, holdsPart - 1, holdsPart, holdsPart + 1, holdsPart + int64(len(text)) - 1, 2*holdsPart + 5, size - int64(len(text))} {
		if put(text, at); !holds(e, text) {
			t.Errorf("not found at %d", at)
		}
	}
	put(text[1:], holdsPart)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	found := holds(e, text)
	runtime.ReadMemStats(&after)
	if found {
		t.Error("found what is not there")
	}
	if taken := after.TotalAlloc - before.TotalAlloc; taken > size/16 {
		t.Errorf("%d bytes of memory for a file of %d", taken, size)
	}
	for _, e := range []*spec.Entry{{Path: "/empty"}, {Path: "/gone", Source: "gone"}} {
		if holds(e, text) {
			t.Errorf("found in %s", e.Path)
		}
	}
}
