// Package squashfs lets tests look into images with the real unsquashfs.
package squashfs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/imagediff/listing"
	"example.org/portable-walkthrough-go/tools/program"
)

// Runfile returns the path of a file whose runfiles location an environment
// variable holds: env = {"X": "$(rlocationpath //label)"} in the BUILD file.
func Runfile(t testing.TB, variable string) string {
	t.Helper()
	location := os.Getenv(variable)
	if location == "" {
		t.Fatalf("$%s is not set: run this test with bazel test", variable)
	}
	path, err := runfiles.Rlocation(location)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// ofToolchain is the unsquashfs of $UNSQUASHFS.
func ofToolchain(t testing.TB) program.Program {
	t.Helper()
	p, err := program.Find(Runfile(t, "UNSQUASHFS"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func unsquashfs(t testing.TB, args ...string) string {
	t.Helper()
	out, err := ofToolchain(t).Command(t.Context(), args...).CombinedOutput()
	if err != nil && !onlyOwners(out) {
		t.Fatalf("unsquashfs %q: %v\n%s", args, err, out)
	}
	return string(out)
}

// onlyOwners is whether all that unsquashfs complains of is that it could not give a
// file to somebody: root in a sandbox is not allowed to.
func onlyOwners(said []byte) bool {
	for line := range bytes.Lines(bytes.TrimSpace(said)) {
		if !bytes.Contains(line, []byte(" failed to change uid and gids on ")) {
			return false
		}
	}
	return true
}

// listed is a line of unsquashfs -lln.
var listed = regexp.MustCompile(`^(\S+) (\d+/\d+) +(\d+) (\d{4}-\d\d-\d\d \d\d:\d\d) (.*)$`)

// List describes every path of an image in a line: mode, owner/group, size or
// "-" for what has none of its own, time in UTC, path, and a symlink's target.
func List(t testing.TB, image string) []string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(unsquashfs(t, "-UTC", "-lln", "-dest", "", image)) {
		m := listed.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			t.Fatalf("unsquashfs said %q, which is no listing", line)
		}
		size := m[3]
		if m[1][0] != '-' {
			size = "-"
		}
		path := m[5]
		if path == "" {
			path = "/"
		}
		lines = append(lines, fmt.Sprintf("%s %s %9s %s %s", m[1], m[2], size, m[4], path))
	}
	return lines
}

// Unpack writes an image's tree into a new directory and returns that.
func Unpack(t testing.TB, image string) string {
	t.Helper()
	into := filepath.Join(t.TempDir(), "root")
	unsquashfs(t, "-quiet", "-no-progress", "-dest", into, image)
	return into
}

// Superblock tells what the file system says of itself: compression, block size.
func Superblock(t testing.TB, image string) string {
	t.Helper()
	return unsquashfs(t, "-stat", image)
}

// Diff tells how two images differ, a line for each difference (see listing.Diff);
// none if they have the same bytes.
func Diff(t testing.TB, a, b string) []string {
	t.Helper()
	lines, err := listing.Diff(t.Context(), ofToolchain(t), a, b)
	if err != nil {
		t.Fatal(err)
	}
	return lines
}
