package squashfs

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// Unpack writes an image's tree into a new directory.
func (u Unsquashfs) Unpack(ctx context.Context, image, into string) error {
	said, err := u.Command(ctx, "-quiet", "-no-progress", "-dest", into, image).CombinedOutput()
	if err != nil && !onlyOwners(said) {
		return fmt.Errorf("unsquashfs %q: %w: %s", image, err, bytes.TrimSpace(said))
	}
	return nil
}

// onlyOwners reports whether unsquashfs only complains that it could not change owners, which root
// in a sandbox may not do.
func onlyOwners(said []byte) bool {
	for line := range bytes.Lines(bytes.TrimSpace(said)) {
		if !bytes.Contains(line, []byte(" failed to change uid and gids on ")) {
			return false
		}
	}
	return true
}

// ForTest is the unsquashfs of a test: the one that the environment variable UNSQUASHFS names
// (see package runfile).
func ForTest(t testing.TB) Unsquashfs {
	t.Helper()
	p, err := program.Find(runfile.Of(t, "UNSQUASHFS"))
	if err != nil {
		t.Fatal(err)
	}
	return Unsquashfs{p}
}

// List returns an image's entries to a test.
func List(t testing.TB, image string) []Entry {
	t.Helper()
	entries, err := ForTest(t).List(t.Context(), image)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// Unpack writes an image's tree into a new directory of a test, and returns that.
func Unpack(t testing.TB, image string) string {
	t.Helper()
	into := filepath.Join(t.TempDir(), "root")
	if err := ForTest(t).Unpack(t.Context(), image, into); err != nil {
		t.Fatal(err)
	}
	return into
}

// Diff returns the differences of two images to a test; see [Unsquashfs.Diff].
func Diff(t testing.TB, a, b string) []string {
	t.Helper()
	lines, err := ForTest(t).Diff(t.Context(), a, b)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
