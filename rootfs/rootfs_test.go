package rootfs

import (
	"bytes"
	"debug/elf"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/squashfs"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

var update = flag.Bool("update", false, "rewrite image.golden: bazel run //rootfs:rootfs_test -- -update")

const name = "portable-walkthrough-go"

// A person has reviewed the contents of the image: image.golden lists every path. "*" stands
// for the binary's size, which changes with every line of code, and for os-release's, which
// depends on the architecture.
func TestListing(t *testing.T) {
	var text string
	for _, e := range squashfs.List(t, runfile.Of(t, "IMAGE")) {
		if strings.HasPrefix(e.Path, "/usr/bin/") || e.Path == "/usr/lib/os-release" {
			e.Fields["size"] = "*"
		}
		text += e.String() + "\n"
	}
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
		t.Errorf("the image has\n%s\nimage.golden lists\n%s\nIf the change is right: bazel run //rootfs:rootfs_test -- -update", text, want)
	}
}

func TestContents(t *testing.T) {
	root := squashfs.Unpack(t, runfile.Of(t, "IMAGE"))
	for path, source := range map[string]string{
		"usr/bin/" + name: runfile.Of(t, "SERVICE"),
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

// The unit files refer to facts that are declared elsewhere. Where a fact must be in two
// places, this test compares them.
func TestUnitsMatchTheImage(t *testing.T) {
	root := squashfs.Unpack(t, runfile.Of(t, "IMAGE"))
	service := options(t, root, ".service")
	for _, directory := range strings.Fields(service["StateDirectory"]) {
		path := filepath.Join(root, "var/lib", directory)
		if info, err := os.Stat(path); err != nil || !info.IsDir() {
			t.Errorf("StateDirectory=%s has no place to be mounted in the image: mkportable should have added it", directory)
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
	text, err := os.ReadFile(filepath.Join(root, "usr/lib/systemd/system", name+suffix))
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]string)
	for _, a := range unitfile.Parse(text).Assignments {
		values[a.Name] = a.Value
	}
	return values
}

// The host, portablectl inspect and the journal read these fields. The version is
// MODULE.bazel's, which WORKSPACE mode does not have.
func TestOSRelease(t *testing.T) {
	content, err := os.ReadFile(filepath.Join(squashfs.Unpack(t, runfile.Of(t, "IMAGE")), "usr/lib/os-release"))
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`^ID=portable-walkthrough-go
PRETTY_NAME="Portable Walkthrough Go"
IMAGE_ID=portable-walkthrough-go
(IMAGE_VERSION=[0-9.]+
)?ARCHITECTURE=[a-z0-9-]+
PORTABLE_PREFIXES=portable-walkthrough-go
PORTABLE_PRETTY_NAME="HTTP visitor counter, in Go"
$`)
	if !want.Match(content) {
		t.Errorf("os-release says\n%s\nwant\n%s", content, want)
	}
}

// A set's image for a platform has the same bytes as the image that is built for it. Here the
// platform is this machine's; the set's other images have other bytes.
func TestSetHasTheImagesBytes(t *testing.T) {
	want, err := os.ReadFile(runfile.Of(t, "IMAGE"))
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for _, location := range strings.Fields(os.Getenv("IMAGES")) {
		image, err := runfiles.Rlocation(location)
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(got, want) {
			same++
		}
	}
	if same != 1 {
		t.Errorf("%d images of the set have the bytes of //:image, want one", same)
	}
}

// Each image of the set is for the machine that its name and its os-release name,
// and all images have the same paths.
func TestArchitectures(t *testing.T) {
	machines := map[string]elf.Machine{"arm64": elf.EM_AARCH64, "riscv64": elf.EM_RISCV, "x86-64": elf.EM_X86_64}
	paths := func(image string) (all []string) {
		for _, e := range squashfs.List(t, image) {
			all = append(all, e.Path)
		}
		return all
	}
	want := paths(runfile.Of(t, "IMAGE"))
	images := strings.Fields(os.Getenv("IMAGES"))
	if len(images) != len(machines) {
		t.Errorf("%d images for %d machines: %q", len(images), len(machines), images)
	}
	for _, location := range images {
		image, err := runfiles.Rlocation(location)
		if err != nil {
			t.Fatal(err)
		}
		architecture := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(image), name+"_"), ".raw")
		if got := paths(image); !slices.Equal(got, want) {
			t.Errorf("%s has %q, want %q", image, got, want)
		}
		root := squashfs.Unpack(t, image)
		content, err := os.ReadFile(filepath.Join(root, "usr/lib/os-release"))
		if err != nil || !strings.Contains(string(content), "\nARCHITECTURE="+architecture+"\n") {
			t.Errorf("%s: os-release says %q, %v", image, content, err)
		}
		binary, err := elf.Open(filepath.Join(root, "usr/bin", name))
		if err != nil {
			t.Fatal(err)
		}
		if machine, known := machines[architecture]; !known || binary.Machine != machine {
			t.Errorf("%s: the binary is for %v", image, binary.Machine)
		}
		binary.Close()
	}
}
