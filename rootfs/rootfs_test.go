package rootfs

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"

	"example.org/portable-walkthrough-go/bzl/tests/squashfs"
)

var update = flag.Bool("update", false, "rewrite image.golden: bazel run //rootfs:rootfs_test -- -update")

const name = "portable-walkthrough-go"

// What is shipped is what a person has read: image.golden lists every path. The
// binary's size, "*" there, changes with every line of code.
func TestListing(t *testing.T) {
	got := squashfs.List(t, squashfs.Runfile(t, "IMAGE"))
	for i, line := range got {
		if fields := strings.Fields(line); strings.HasPrefix(fields[5], "/usr/bin/") {
			got[i] = strings.Replace(line, " "+fields[2]+" ", strings.Repeat(" ", len(fields[2]))+"* ", 1)
		}
	}
	text := strings.Join(got, "\n") + "\n"
	if *update {
		golden := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "rootfs", "image.golden")
		if err := os.WriteFile(golden, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("image.golden")
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("the image holds\n%s\nimage.golden says\n%s\nIf that is meant: bazel run //rootfs:rootfs_test -- -update", text, want)
	}
}

func TestContents(t *testing.T) {
	root := squashfs.Unpack(t, squashfs.Runfile(t, "IMAGE"))
	for path, source := range map[string]string{
		"usr/bin/" + name:                             squashfs.Runfile(t, "SERVICE"),
		"usr/lib/os-release":                          "os-release",
		"usr/lib/systemd/system/" + name + ".service": "../units/" + name + ".service",
		"usr/lib/systemd/system/" + name + ".socket":  "../units/" + name + ".socket",
	} {
		packed, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Error(err)
			continue
		}
		want, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(packed, want) {
			t.Errorf("/%s differs from its source", path)
		}
	}
	for _, path := range []string{"etc/machine-id", "etc/resolv.conf"} {
		if content, err := os.ReadFile(filepath.Join(root, path)); err != nil || len(content) > 0 {
			t.Errorf("/%s: %d bytes, %v, want an empty file", path, len(content), err)
		}
	}
}

// The unit files name things that are declared elsewhere; where a fact must stand
// twice, this holds the two together.
func TestUnitsMatchTheImage(t *testing.T) {
	root := squashfs.Unpack(t, squashfs.Runfile(t, "IMAGE"))
	service := options(t, root, ".service")
	for _, directory := range strings.Fields(service["StateDirectory"]) {
		path := filepath.Join(root, "var/lib", directory)
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			t.Errorf("StateDirectory=%s has no place to be mounted in the image: declare /var/lib/%s in rootfs/BUILD.bazel", directory, directory)
		}
	}
	if service["StateDirectory"] == "" {
		t.Error("no StateDirectory=: the count would have no place")
	}
	program, _, _ := strings.Cut(service["ExecStart"], " ")
	if info, err := os.Stat(filepath.Join(root, program)); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("ExecStart=%s is no executable of the image: %v", program, err)
	}
	if got := options(t, root, ".socket")["ListenStream"]; got != "8088" {
		t.Errorf("ListenStream=%s, want 8088, as in the README", got)
	}
}

func options(t *testing.T, root, suffix string) map[string]string {
	t.Helper()
	file, err := os.Open(filepath.Join(root, "usr/lib/systemd/system", name+suffix))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	parsed, err := unit.DeserializeOptions(file)
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	for _, option := range parsed {
		values[option.Name] = option.Value
	}
	return values
}

func TestOSRelease(t *testing.T) {
	content, err := os.ReadFile("os-release")
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(content)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			t.Errorf("%q is no assignment", line)
		}
		values[key] = strings.Trim(value, `"`)
	}
	for _, key := range []string{"ID", "PRETTY_NAME", "IMAGE_ID", "IMAGE_VERSION", "PORTABLE_PREFIXES", "PORTABLE_PRETTY_NAME"} {
		if values[key] == "" {
			t.Errorf("os-release has no %s=", key)
		}
	}
	if values["PORTABLE_PREFIXES"] != name {
		t.Errorf("PORTABLE_PREFIXES=%s does not cover %s", values["PORTABLE_PREFIXES"], name)
	}
}
