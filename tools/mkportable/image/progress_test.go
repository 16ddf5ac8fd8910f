package image

import (
	"strings"
	"testing"
	"time"
)

// runFor plays a run whose every entry, of a megabyte, takes as long as given.
func runFor(t *testing.T, entries int, each time.Duration) []string {
	t.Helper()
	var told strings.Builder
	now := time.Unix(0, 0)
	p := newProgress(&told, func() time.Time { return now })
	for range entries {
		now = now.Add(each)
		p.wrote(1e6)
		p.entry()
	}
	p.end()
	return strings.Split(strings.TrimSuffix(told.String(), "\n"), "\n")
}

func TestShortRunsTellNothing(t *testing.T) {
	if got := runFor(t, 1000, 2*time.Millisecond); len(got) != 1 || got[0] != "" {
		t.Errorf("got %q", got)
	}
}

func TestLongRunsTellOnceASecond(t *testing.T) {
	got := runFor(t, 600, 10*time.Millisecond)
	want := []string{
		"mkportable: 299 entries, 300.0 MB",
		"mkportable: 399 entries, 400.0 MB",
		"mkportable: 499 entries, 500.0 MB",
		"mkportable: 599 entries, 600.0 MB",
		"mkportable: 600 entries, 600.0 MB in 6.0 s",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A slow entry is no reason to make up for lines that were not due.
func TestSlowEntriesTellOnceEach(t *testing.T) {
	if got := runFor(t, 3, time.Minute); len(got) < 4 || len(got) > 7 {
		t.Errorf("got %q", got)
	}
}

func TestQuietRunsTellNothing(t *testing.T) {
	p := newProgress(nil, func() time.Time { t.Fatal("asked for the time"); return time.Time{} })
	p.wrote(1e6)
	p.entry()
	p.end()
}
