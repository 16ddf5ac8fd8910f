package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.org/portable-walkthrough-go/bzl/tests/squashfs"
)

// What is wrong in a BUILD file is told with the image's label, the attribute and
// a way out, and no output is left.
func TestBadImages(t *testing.T) {
	wants := map[string][]string{
		"absolute-symlink":            {"symlinks in", `"/proc/self/mounts" is absolute`, `relative to "/etc"`},
		"block-size-no-power-of-two":  {"block_size 100000", "power of two from 4096 to 1048576"},
		"compression-without-levels":  {"compression xz has no levels", "leave compression_level out"},
		"dropin-without-section":      {"units in", "10-nice.conf", "does not start with a section"},
		"file-below-file":             {"files in", "os_release in", `lies below "/usr/lib/os-release"`},
		"file-instead-of-mount-point": {`"/var/lib/app"`, "empty_files in", "must be a directory", "StateDirectory=app in other-mounts.service"},
		"level-out-of-range":          {"compression_level 23", "from 1 to 22"},
		"mode-not-octal":              {"modes in", `"rwxr-xr-x"`, "four octal digits"},
		"mode-of-symlink":             {"modes in", `"/etc/mtab"`, "no mode of its own"},
		"mode-of-undeclared-path":     {"modes in", `"/srv"`, "nothing declares", "declare it"},
		"modes-by-two":                {`"/etc/part.conf"`, "given a mode twice", "bad:part", "leave one of them out"},
		"name-with-underscore":        {`"name_1"`, "starts a version"},
		"newline-in-symlink":          {"symlinks in", `"b\n/etc/shadow\tfile"`, "control characters"},
		"owner-by-name":               {"owners in", "www-data", "UID:GID"},
		"parent-in-path":              {"directories in", `did you mean "/etc"`},
		"prefix-with-space":           {"prefixes", `"one two"`, "a space"},
		"relative-path":               {"files in", `"etc/app.conf"`, "not an absolute path"},
		"several-files-for-one-path":  {`"/etc/app.conf"`, "declared twice, by files in", "bad/BUILD.bazel", "bad/app.conf", "if that is one label, give the path a slash at its end"},
		"symlink-out-of-the-image":    {"symlinks in", "climbs out of the image"},
		"timestamp-before-1970":       {"timestamp -1", "from 0"},
		"tree-that-is-a-file":         {"trees in", "app.conf", "is no directory", "pack it with files"},
		"two-entries-for-one-path":    {`"/etc/part.conf"`, "declared twice", "empty_files in", "bad:part"},
		"two-labels-for-one-path":     {`"/etc/app.conf"`, "declared twice, by files in", "bad/BUILD.bazel", "bad/app.conf", "else leave one of them out"},
		"unit-dir-relative":           {"unit_dir", "not an absolute path"},
		"unit-of-another-name":        {"units in", "unit-of-another-name.service", "other.service"},
		"version-with-underscore":     {`version "1_0"`, "starts the architecture"},
	}
	specs, err := filepath.Glob("bad/*.spec.jsonl")
	if err != nil || len(specs) != len(wants) {
		t.Fatalf("%d specs for %d expectations: %v %v", len(specs), len(wants), specs, err)
	}
	for name, wants := range wants {
		t.Run(name, func(t *testing.T) {
			a := linkAction(t, filepath.Join("bad", name+".spec.jsonl"))
			said, err := a.command(t).CombinedOutput()
			if err == nil {
				t.Fatal("made an image")
			}
			for _, want := range append(wants, "mkportable: //bzl/tests/bad:"+name+": ") {
				if !strings.Contains(string(said), want) {
					t.Errorf("the error does not say %q: %s", want, said)
				}
			}
			if left := leftBehind(t, a); left != "" {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}

func leftBehind(t *testing.T, a *action) string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(filepath.Dir(a.output()), "*"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(left, " ")
}

// onSmallDisk makes the test binary mount a file system of one megabyte over the
// directory that it names, and run its arguments there.
const onSmallDisk = "TEST_ON_SMALL_DISK"

func TestMain(m *testing.M) {
	if os.Getenv(lookAround) != "" {
		tellWhatIsThere()
		os.Exit(0)
	}
	if directory := os.Getenv(onSmallDisk); directory != "" {
		if err := syscall.Mount("tmpfs", directory, "tmpfs", 0, "size=1m"); err != nil {
			fmt.Println("mount:", err)
			os.Exit(2)
		}
		said, err := exec.Command(os.Args[1], os.Args[2:]...).CombinedOutput()
		left, _ := os.ReadDir(directory)
		fmt.Printf("%s%v\nleft: %v\n", said, err, left)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A disk that fills up while mksquashfs writes leaves nothing that looks like an
// image, and the error says what happened.
func TestFullDisk(t *testing.T) {
	needNamespaces(t)
	a := linkAction(t, squashfs.Runfile(t, "SPEC"))
	command := a.command(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, command.Args...)
	cmd.Dir, cmd.Env = a.root, []string{onSmallDisk + "=" + filepath.Dir(a.output())}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	said, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for _, want := range []string{"mkportable: //bzl/tests/subject:subject: ", "No space left on device", "exit status 1", "left: []"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("%q is not in: %s", want, said)
		}
	}
}
