package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestParseSize(t *testing.T) {
	for text, want := range map[string]string{
		"1000": "1000 files, 25 MB", "1000000": "1000000 files, 500 MB", "4GiB": "a file of 4 GiB",
		"": "neither", "0": "neither", "many": "neither", "-1GiB": "not a number of GiB", "4 GiB": "not a number of GiB",
	} {
		size, err := parseSize(text)
		got := size.String()
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// digestOf is that of a small tree made anew.
func digestOf(t *testing.T, size treeSize) string {
	t.Helper()
	b := &benchmark{root: t.TempDir()}
	if err := b.makeTree(t.Context(), size); err != nil {
		t.Fatal(err)
	}
	digest := sha256.New()
	files := 0
	err := filepath.WalkDir(b.tree(), func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintln(digest, path[len(b.tree()):], len(content))
		digest.Write(content)
		files++
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if files != size.files+2 {
		t.Errorf("%d files, want %d and two units of a portable service", files, size.files)
	}
	return fmt.Sprintf("%x", digest.Sum(nil))
}

// Figures of two machines are comparable: their trees are the same.
func TestTheTreeIsTheSameEachTime(t *testing.T) {
	size := treeSize{2001, 100}
	if a, b := digestOf(t, size), digestOf(t, size); a != b {
		t.Error("two trees of one size differ")
	}
	if a, b := digestOf(t, size), digestOf(t, treeSize{2001, 101}); a == b {
		t.Error("trees of two sizes do not differ")
	}
}

func TestNoTreeWhereThereIsNoRoom(t *testing.T) {
	b := &benchmark{root: t.TempDir()}
	err := b.makeTree(t.Context(), treeSize{1, 1 << 60})
	if err == nil || !strings.Contains(err.Error(), "TMPDIR") {
		t.Errorf("got %v", err)
	}
}

func TestInterruptedWhileWriting(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (&benchmark{root: t.TempDir()}).makeTree(ctx, treeSize{10, 10}); err == nil {
		t.Error("wrote on")
	}
}

func TestGoals(t *testing.T) {
	measured := func(action time.Duration, memory int64, written float64) *row {
		return &row{treeSize{1000, 100}, map[string]time.Duration{"bare": time.Second, "action": action}, memory, written}
	}
	if err := measured(1050*time.Millisecond, 64e6, 1.01).check(); err != nil {
		t.Errorf("just good enough: %v", err)
	}
	for want, row := range map[string]*row{
		"time":    measured(1060*time.Millisecond, 64e6, 1.01),
		"memory":  measured(1050*time.Millisecond, 65e6, 1.01),
		"written": measured(1050*time.Millisecond, 64e6, 2.01),
	} {
		if err := row.check(); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("got %v, want one goal missed, of %s", err, want)
		}
	}
}

func TestRow(t *testing.T) {
	r := &row{treeSize{1000, 100}, map[string]time.Duration{"bare": 2 * time.Second, "action": 2100 * time.Millisecond}, 8e6, 1}
	if got, want := r.String(), "| 1000 files, 0 MB | 2.000 s | 2.100 s | 1.05 | 8.0 MB | 1.000 |"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
