package tests

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/squashfs"
)

var update = flag.Bool("update", false, "rewrite subject.golden: bazel run //bzl/tests:tests_test -- -update")

// manifest returns the fields of each line.
func manifest(t *testing.T) (lines [][]string) {
	t.Helper()
	text, err := os.ReadFile(runfile.Of(t, "MANIFEST"))
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

// The image has everything that portable_image can declare, and what the rule adds:
// subject.golden lists the result.
func TestManifestIsGolden(t *testing.T) {
	volatile := regexp.MustCompile(`^/usr/bin/|/helper$|/_repo_mapping$|\.cdx\.json$`)
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
		t.Errorf("the manifest has\n%s\nsubject.golden has\n%s\nIf the change is right: bazel run //bzl/tests:tests_test -- -update", text.String(), want)
	}
}

// The manifest is what unsquashfs finds, to the digest.
func TestManifestSaysWhatTheImageHas(t *testing.T) {
	want := []string{"directory 0755 0:0 - - /"}
	for _, fields := range manifest(t) {
		path, kind, mode, owner, size, content := fields[0], fields[1], fields[2], fields[3], fields[4], fields[5]
		switch kind {
		case "symlink":
			mode = "0777"
		case "file":
			content = "sha256:" + content[:16]
		}
		want = append(want, strings.Join([]string{kind, mode, owner, size, content, path}, " "))
	}
	var got []string
	for _, e := range squashfs.List(t, runfile.Of(t, "IMAGE")) {
		f := e.Fields
		if f["time"] != "1234567890" {
			t.Errorf("%s has the time %s, and not the image's", e.Path, f["time"])
		}
		got = append(got, strings.Join([]string{f["type"], f["mode"], f["uid"] + ":" + f["gid"], cmp.Or(f["size"], "-"), cmp.Or(f["content"], f["target"], "-"), e.Path}, " "))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the image has\n%s\nthe manifest lists\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// A drop-in is part of the unit that portabled takes out of the image.
func TestDropinIsInTheUnit(t *testing.T) {
	unit, err := os.ReadFile(filepath.Join(squashfs.Unpack(t, runfile.Of(t, "IMAGE")), "usr/lib/systemd/system/subject.service"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(string(unit), "\n# subject.service.d/10-nice.conf\n[Service]\nNice=5\n") {
		t.Errorf("the unit is %s", unit)
	}
}

// A program finds its data in the image, where it lies beside it.
func TestRunfilesAreFound(t *testing.T) {
	root := squashfs.Unpack(t, runfile.Of(t, "IMAGE"))
	program := filepath.Join(root, "usr/libexec/subject/helper")
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env, cmd.Dir = []string{}, "/"
	said, err := cmd.CombinedOutput()
	path, content, _ := strings.Cut(string(said), "\n")
	if err != nil || content != "greeting = hello\n" || !strings.HasPrefix(path, program+".runfiles/") {
		t.Errorf("%v: %s", err, said)
	}
}
