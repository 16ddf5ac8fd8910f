package tests

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/squashfs"
)

// leaks returns the places of an image that have one of the words: its bytes, a path, owner
// or symlink, or a file's content. wholly looks for whole words only.
func leaks(t *testing.T, image string, words []string, wholly bool) []string {
	t.Helper()
	var found []string
	look := func(where string, content []byte, shortest int) {
		for _, word := range words {
			if len(word) < shortest {
				continue
			}
			pattern := regexp.QuoteMeta(word)
			if wholly {
				pattern = `(?i)\b` + pattern + `\b`
			}
			if regexp.MustCompile(pattern).Match(content) {
				found = append(found, fmt.Sprintf("%s: %q", where, word))
			}
		}
	}
	raw, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	// A short name can occur by chance in compressed bytes.
	look("bytes", raw, 5)
	look("listing", fmt.Append(nil, squashfs.List(t, image)), 1)
	root := squashfs.Unpack(t, image)
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		// Names of people and machines are short, and a program contains many words.
		if !wholly || !bytes.HasPrefix(content, []byte("\x7fELF")) {
			look(path[len(root):], content, 1)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// builder returns the paths and names of the image's build, as far as a test can find them:
// the links of runfiles lead to the output base and the workspace.
func builder(t *testing.T, image string) (paths, names []string) {
	t.Helper()
	for _, file := range []string{image, runfile.Of(t, "MARKER")} {
		path, err := filepath.EvalSymlinks(file)
		if err != nil {
			t.Fatal(err)
		}
		path, _, _ = strings.Cut(filepath.Dir(path), "/execroot/")
		paths = append(paths, path)
	}
	paths = append(paths, "/execroot/", "/sandbox/linux-sandbox/", "bazel-out/", "/bazel-bin/", t.TempDir())
	if host, err := os.Hostname(); err == nil {
		names = append(names, host)
	}
	if u, err := user.Current(); err == nil {
		names = append(names, u.Username)
	}
	if name := os.Getenv("USER"); name != "" {
		names = append(names, name)
	}
	// These names are the same on all machines, and unit files contain them.
	names = slices.DeleteFunc(names, func(name string) bool { return name == "root" || name == "nobody" || name == "localhost" })
	return paths, names
}

// No path of the machine that built, no user and no host is in what is shipped.
func TestNothingOfTheBuilderIsInTheImage(t *testing.T) {
	image := runfile.Of(t, "SHIPPED")
	paths, names := builder(t, image)
	t.Logf("looking for %q and %q", paths, names)
	for _, leak := range append(leaks(t, image, paths, false), leaks(t, image, names, true)...) {
		t.Error(leak)
	}
}

// The image action runs in a directory, for a user and on a host whose names occur nowhere
// else. It does not show what the compiler might put into the binary: for that, .ci/run builds
// the same bytes as another user on another host.
func TestNothingOfTheActionsSurroundingsIsInTheImage(t *testing.T) {
	const canary = "leaky-canary"
	bwrap := bubblewrap(t)
	a := newAction(t, runfile.Of(t, "ACTION"))
	place := filepath.Join(t.TempDir(), canary)
	if err := os.Rename(a.root, place); err != nil {
		t.Fatal(err)
	}
	a.root = place
	cmd := bwrap.Command(t.Context(), "--dev-bind", "/", "/", "--unshare-user", "--unshare-uts", "--hostname", canary, "--uid", "4711",
		"--setenv", "USER", canary, "--setenv", "LOGNAME", canary, "--setenv", "HOME", place, "--setenv", "TMPDIR", place, "--setenv", "PWD", place,
		"--chdir", place, "--", runfile.Of(t, "MKPORTABLE"))
	cmd.Args = append(cmd.Args, a.flags...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, leak := range leaks(t, a.output(), []string{canary, " 4711:"}, false) {
		t.Error(leak)
	}
}

// The negative control: a path in a file, in a name or behind the file system is seen.
func TestLeaksAreSeen(t *testing.T) {
	const path = "/home/somebody/src"
	for name, test := range map[string]struct {
		leak func(t *testing.T, a *action)
		want string
	}{
		"content": {func(t *testing.T, a *action) {
			if err := os.WriteFile(a.source(t, "/usr/lib/os-release"), []byte("ID=subject\nFROM="+path+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, `/usr/lib/os-release: "` + path},
		"name": {func(t *testing.T, a *action) {
			spec := filepath.Join(a.root, specFile)
			content, err := os.ReadFile(spec)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(spec, bytes.ReplaceAll(content, []byte("/etc/subject/"), []byte("/etc"+path+"/")), 0o644); err != nil {
				t.Fatal(err)
			}
		}, `listing: "` + path},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAction(t, runfile.Of(t, "ACTION"))
			test.leak(t, a)
			if out, err := a.command(t).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if found := leaks(t, a.output(), []string{path}, false); !strings.HasPrefix(strings.Join(found, "\n"), test.want) {
				t.Errorf("got %q, want %s", found, test.want)
			}
		})
	}
	t.Run("bytes", func(t *testing.T) {
		image, err := os.ReadFile(runfile.Of(t, "IMAGE"))
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Join(t.TempDir(), "image.raw")
		if err := os.WriteFile(name, append(image, "made by somebody\n"...), 0o644); err != nil {
			t.Fatal(err)
		}
		if found := leaks(t, name, []string{"Somebody"}, true); len(found) != 1 || found[0] != `bytes: "Somebody"` {
			t.Errorf("got %q", found)
		}
	})
}
