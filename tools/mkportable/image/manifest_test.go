package image

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/spec"
)

func TestList(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, []byte("hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	name, fs := setUp(t, "none", osRelease, service,
		spec.Entry{Path: "/srv/a", Type: spec.File, Mode: "0640", Owner: "1:2", Source: source, Origin: "files in //:image"},
		spec.Entry{Path: "/srv/b", Type: spec.Symlink, Target: "a", Origin: "symlinks in //:image"})
	output := filepath.Join(t.TempDir(), "manifest")
	if err := List(name, output); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(output)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		manifestColumns,
		"\n/srv\tdirectory\t0755\t0:0\t-\t-\tadded: parent directory\n",
		"\n/srv/a\tfile\t0640\t1:2\t6\t5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\tfiles in //:image\n",
		"\n/srv/b\tsymlink\t-\t0:0\t-\ta\tsymlinks in //:image\n",
		"\n/tmp\tdirectory\t1777\t0:0\t-\t-\tadded: API file system\n",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if _, err := os.Stat(fs.Output); err == nil {
		t.Error("an image was made")
	}
}

// A mistake in an image is an error for its manifest too, and no part of the manifest is left.
func TestListFailuresLeaveNothing(t *testing.T) {
	for want, entries := range map[string][]spec.Entry{
		"no unit in":     {osRelease},
		"declared twice": {osRelease, service, service},
		"no such file":   {osRelease, service, {Path: "/a", Type: spec.File, Mode: "0644", Source: "/nonexistent", Origin: "files in //:image"}},
	} {
		name, _ := setUp(t, "none", entries...)
		output := filepath.Join(t.TempDir(), "manifest")
		err := List(name, output)
		expect(t, err, want)
		expect(t, err, "//:image: ")
		if _, err := os.Stat(output); err == nil {
			t.Errorf("%s: a manifest is left", want)
		}
	}
}
