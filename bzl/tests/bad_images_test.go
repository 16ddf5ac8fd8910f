package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// An error in a BUILD file names the image's label, the attribute and, after a semicolon, the
// fix; and it leaves no output.
func TestBadImages(t *testing.T) {
	wants := map[string]struct {
		says []string
		fix  string
	}{
		"absolute-symlink":           {[]string{"symlinks in", `"/proc/self/mounts" is absolute`}, `write it relative to "/etc"`},
		"block-size-no-power-of-two": {[]string{"block_size 100000"}, "choose a power of two from 4096 to 1048576"},
		"dropin-without-section":     {[]string{"units in", "10-nice.conf", "does not start with a section"}, `begin it with one, as in "[Service]"`},
		"file-below-file":            {[]string{"files in", "os_release in", `is below "/usr/lib/os-release"`}, "move one of them"},
		"level-out-of-range":         {[]string{"compression_level 23"}, "choose one from 1 to 22"},
		"mode-of-undeclared-path":    {[]string{"modes in", `"/srv"`, "nothing declares"}, "declare the path"},
		"owner-by-name":              {[]string{"owners in", "www-data", "UID:GID"}, "write two numbers"},
		"parent-in-path":             {[]string{"directories in", `"/srv/../etc"`}, `did you mean "/etc"`},
		"relative-path":              {[]string{"files in", `"etc/app.conf"`, "not an absolute path"}, "write it from the image's root"},
		"relative-path-of-program":   {[]string{"binaries in", `"usr/bin/app"`, "not an absolute path"}, "write it from the image's root"},
		"several-files-for-one-path": {[]string{`"/etc/app.conf"`, "declared twice, by files in", "bad/BUILD.bazel", "bad/app.conf"}, "if both come from one label, add a slash to the end of the path"},
		"timestamp-before-1970":      {[]string{"timestamp -1"}, "choose one from 0"},
		"tree-that-is-a-file":        {[]string{"trees in", "app.conf", "is not a directory"}, "pack it with files"},
		"two-entries-for-one-path":   {[]string{`"/etc/part.conf"`, "declared twice", "empty_files in", "bad:part"}, "leave one of them out"},
		"unit-dir-relative":          {[]string{"unit_dir", "not an absolute path"}, "write it from the image's root"},
		"unit-of-another-name":       {[]string{"units in", "unit-of-another-name.service"}, "call it other.service"},
		"version-with-underscore":    {[]string{`version "1_0"`, "starts the architecture"}, "use letters, digits"},
	}
	actions, err := filepath.Glob("bad/*.action")
	if err != nil || len(actions) != len(wants) {
		t.Fatalf("%d actions for %d expectations: %v %v", len(actions), len(wants), actions, err)
	}
	for name, want := range wants {
		t.Run(name, func(t *testing.T) {
			a := linkAction(t, filepath.Join("bad", name+".action"))
			output, err := a.command(t).CombinedOutput()
			if err == nil {
				t.Fatal("made an image")
			}
			said := string(output)
			for _, text := range append(want.says, "mkportable: //bzl/tests/bad:"+name+": ") {
				if !strings.Contains(said, text) {
					t.Errorf("the error does not say %q: %s", text, said)
				}
			}
			if _, fix, _ := strings.Cut(said, "; "); want.fix == "" || !strings.Contains(fix, want.fix) {
				t.Errorf("the error's fix is %q, not %q: %s", fix, want.fix, said)
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

// If the disk fills up while mksquashfs writes, no incomplete image is left, and the error
// gives the reason.
func TestFullDisk(t *testing.T) {
	needNamespaces(t)
	a := linkAction(t, runfile.Of(t, "ACTION"))
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
