package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/bazeltest"
)

// imageName is //:image, below bazel-bin.
const imageName = "portable-walkthrough-go.raw"

// A bazel builds a workspace, whose outputs are below bin.
type bazel struct {
	*bazeltest.Bazel
	bin string
}

// userBazel is the user's own in the user's workspace, with all that was built before.
func userBazel(t *testing.T) *bazel {
	t.Helper()
	b := &bazel{Bazel: bazeltest.New(t, bazeltest.Options{
		Dir:            bazeltest.Workspace(t),
		UserOutputBase: true,
		// bazel-bin is the user's.
		Flags: []string{"--experimental_convenience_symlinks=ignore"},
	})}
	b.bin = b.info(t, "bazel-bin")
	return b
}

func (b *bazel) info(t *testing.T, key string) string {
	t.Helper()
	return strings.TrimSpace(b.Print(t, "info", key))
}

// read returns an output.
func (b *bazel) read(t *testing.T, output string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.bin, output))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// remove makes Bazel need the result of one action again, and of no other.
func (b *bazel) remove(t *testing.T, output string) {
	t.Helper()
	if err := os.Remove(filepath.Join(b.bin, output)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// edit replaces the one place where a file of the workspace has a text.
func (b *bazel) edit(t *testing.T, name, before, after string) {
	t.Helper()
	path := filepath.Join(b.Dir(), name)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(text, []byte(before)); n != 1 {
		t.Fatalf("%s has %q %d times, want 1", name, before, n)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(before), []byte(after), 1), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A checkout describes a copy of the workspace and its developer. They differ from the user's
// own in everything that must not matter.
type checkout struct {
	// dir is below a temporary directory.
	dir string
	// umask in octal.
	umask fs.FileMode
	// env is added to the test's own environment, each as NAME=VALUE.
	env []string
	// otherUser has another user ID and host name, in namespaces of their own.
	otherUser bool
	// ownWorld has what tools/bazel provisions at another path. Default: the user's.
	ownWorld bool
	// git makes it a repository with a commit of its own. Default: no repository.
	git bool
}

// new copies the workspace's files as they are, but for what git ignores. The HOME is
// beside the copy. The end of the test removes both.
func (c checkout) new(t *testing.T) *bazel {
	t.Helper()
	workspace, scratch := bazeltest.Workspace(t), filepath.Join(t.TempDir(), c.dir)
	dir, home := filepath.Join(scratch, "src"), filepath.Join(scratch, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Go's module cache is read-only.
		walk := filepath.WalkDir(scratch, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				return os.Chmod(path, 0o700)
			}
			return err
		})
		if err := errors.Join(walk, os.RemoveAll(scratch)); err != nil {
			t.Error(err)
		}
	})
	copyWorkspace(t, workspace, dir, c.umask)
	if c.git {
		for _, args := range [][]string{
			{"init", "--quiet"},
			{"add", "--all"},
			{"-c", "user.name=nobody", "-c", "user.email=nobody@localhost", "commit", "--quiet", "--message=copied"},
		} {
			cmd := exec.Command("git", args...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("git %s: %v: %s", args[0], err, out)
			}
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	env := append(bazeltest.Environ(), "HOME="+home, "XDG_CACHE_HOME="+cache)
	if c.ownWorld {
		env = append(env, linkWorld(t, workspace, filepath.Join(scratch, "cache"))...)
	}
	b := bazeltest.New(t, bazeltest.Options{
		Dir:     dir,
		Program: filepath.Join(dir, "tools/bazel"),
		Prefix:  c.developer(),
		Env:     append(env, c.env...),
		Flags: []string{
			"--test_output=errors", "--disk_cache=",
			// A checkout is in /tmp, and what tools/bazel provisions may be too, elsewhere
			// there: Bazel does not bring it into the /tmp that it gives each action.
			"--noincompatible_sandbox_hermetic_tmp",
		},
	})
	return &bazel{b, filepath.Join(dir, "bazel-bin")}
}

// developer returns a command that runs another one as the checkout's developer.
func (c checkout) developer() []string {
	var words []string
	if c.otherUser {
		// Unlike with unshare, a host's name needs no privilege.
		words = append(words, "bwrap", "--die-with-parent", "--dev-bind", "/", "/",
			"--unshare-user", "--uid", "12345", "--gid", "12345", "--unshare-uts", "--hostname", "another-host")
	}
	return append(words, "sh", "-c", fmt.Sprintf(`umask %04o && exec "$@"`, c.umask), "sh")
}

// copyWorkspace copies the files that git tracks or would add, without the permissions that a
// umask removes.
func copyWorkspace(t *testing.T, from, into string, umask fs.FileMode) {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	cmd.Dir = from
	names, err := cmd.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		// git still lists a deleted file until the deletion is staged.
		if err := copyFile(filepath.Join(from, name), filepath.Join(into, name), umask); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
}

func copyFile(from, into string, umask fs.FileMode) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(into), 0o777&^umask); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, into)
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(into, text, info.Mode().Perm()&^umask)
}

// linkWorld gives tools/bazel another cache directory, with hard links to the packages and
// modules that the user has, which take long to fetch. What names its own path is not
// linked, and so is made anew. With Bazelisk there is nothing to link. It returns what the
// environment needs.
func linkWorld(t *testing.T, workspace, into string) []string {
	t.Helper()
	const script = `
set -euo pipefail
workspace=$1
source "$workspace/tools/provision/world.sh"
world_locate
mkdir -p -- "$2/portable-walkthrough-go"
[[ -e $world/bazelrc ]] || exit 0
for path in "$sysroot" "$sysroot.sums" "$cache"/{gomod,gocache}; do
  cp --archive --link -- "$path" "$2/portable-walkthrough-go" 2>/dev/null ||
    cp --archive --reflink=auto -- "$path" "$2/portable-walkthrough-go"
done
# The test sees the sysroot's apt, which has no mirror.
sed -nE 's/^common --repo_env=(PROVISION_MIRROR=)/\1/p' "$world/bazelrc"`
	var said bytes.Buffer
	cmd := exec.Command("bash", "-c", script, "bash", workspace, into)
	cmd.Stderr = &said
	env, err := cmd.Output()
	if err != nil {
		t.Fatalf("linking the provisioned world: %v: %s", err, &said)
	}
	return append(strings.Fields(string(env)), "XDG_CACHE_HOME="+into)
}
