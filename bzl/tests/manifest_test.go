package tests

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/bzl/tests/squashfs"
)

var update = flag.Bool("update", false, "rewrite subject.golden: bazel run //bzl/tests:tests_test -- -update")

// manifest returns the fields of each line.
func manifest(t *testing.T) (lines [][]string) {
	t.Helper()
	text, err := os.ReadFile(squashfs.Runfile(t, "MANIFEST"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		lines = append(lines, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	if want := "# path type mode owner size content origin"; strings.Join(lines[0], " ") != want {
		t.Fatalf("columns are %q", lines[0])
	}
	return lines[1:]
}

// Everything that portable_image can declare, and what it adds: subject.golden says
// what becomes of it.
func TestManifestIsGolden(t *testing.T) {
	volatile := regexp.MustCompile(`^/usr/bin/|/helper$|/_repo_mapping$`)
	var text strings.Builder
	for _, fields := range manifest(t) {
		if volatile.MatchString(fields[0]) {
			fields[4], fields[5] = "*", "*"
		}
		fmt.Fprintln(&text, strings.Join(fields, "\t"))
	}
	if *update {
		golden := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "bzl/tests/subject/subject.golden")
		if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("subject/subject.golden")
	if err != nil {
		t.Fatal(err)
	}
	if text.String() != string(want) {
		t.Errorf("the manifest says\n%s\nsubject.golden says\n%s\nIf that is meant: bazel run //bzl/tests:tests_test -- -update", text.String(), want)
	}
}

// The manifest is what unsquashfs finds, to the digest.
func TestManifestTellsWhatTheImageHolds(t *testing.T) {
	image := squashfs.Runfile(t, "IMAGE")
	root := squashfs.Unpack(t, image)
	want := []string{"drwxr-xr-x 0/0         - 2009-02-13 23:31 /"}
	for _, fields := range manifest(t) {
		path, kind, mode, owner, size, content := fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]
		listed := fmt.Sprintf("%s %s %9s 2009-02-13 23:31 %s", modeString(t, kind, mode), strings.Replace(owner, ":", "/", 1), size, path)
		switch kind {
		case "symlink":
			listed += " -> " + content
		case "file":
			packed, err := os.ReadFile(filepath.Join(root, path))
			if err != nil {
				t.Fatal(err)
			}
			if digest := fmt.Sprintf("%x", sha256.Sum256(packed)); digest != content {
				t.Errorf("%s: the image has %s, the manifest says %s", path, digest, content)
			}
		}
		want = append(want, listed)
	}
	got := squashfs.List(t, image)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the image holds\n%s\nthe manifest says\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// modeString writes a mode as ls does.
func modeString(t *testing.T, kind, mode string) string {
	t.Helper()
	if kind == "symlink" {
		return "lrwxrwxrwx"
	}
	bits, err := strconv.ParseUint(mode, 8, 12)
	if err != nil {
		t.Fatal(err)
	}
	text := []byte(fs.FileMode(bits & 0o777).String())
	if kind == "directory" {
		text[0] = 'd'
	}
	if bits&0o1000 != 0 {
		text[9] = map[byte]byte{'x': 't', '-': 'T'}[text[9]]
	}
	return string(text)
}

// A drop-in is part of the unit that portabled takes out of the image.
func TestDropinIsInTheUnit(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join(squashfs.Unpack(t, squashfs.Runfile(t, "IMAGE")), "usr/lib/systemd/system/subject.service"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(unit), "\n# subject.service.d/10-nice.conf\n[Service]\nNice=5\n") {
		t.Errorf("the unit is %s", unit)
	}
}

// A program finds its data in the image, where it lies beside it.
func TestRunfilesAreFound(t *testing.T) {
	root := squashfs.Unpack(t, squashfs.Runfile(t, "IMAGE"))
	program := filepath.Join(root, "usr/libexec/subject/helper")
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env, cmd.Dir = []string{}, "/"
	said, err := cmd.CombinedOutput()
	path, content, _ := strings.Cut(string(said), "\n")
	if err != nil || content != "greeting = hello\n" || !strings.HasPrefix(path, program+".runfiles/") {
		t.Errorf("%v: %s", err, said)
	}
}
