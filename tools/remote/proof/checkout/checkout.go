// Package checkout gives a test a copy of the workspace, and lets somebody build there
// who differs from the user in what must not matter: path, HOME, umask, environment, user,
// where the world is provisioned. Only for tests under bazel run.
package checkout

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"example.org/portable-walkthrough-go/tools/bazeltest"
)

// Options say who builds.
type Options struct {
	// Name is the directory's, below a temporary one.
	Name string
	// Umask is in octal. Default: 022.
	Umask string
	// Env is added to the test's own environment, each as NAME=VALUE.
	Env []string
	// OtherUser has another user ID and host name, in namespaces of their own.
	OtherUser bool
	// OwnWorld has what tools/bazel provisions at another path. Default: the user's.
	OwnWorld bool
	// Git makes it a repository with a commit of its own. Default: no repository.
	Git bool
}

// A Checkout is a copy of the workspace with an output base of its own.
type Checkout struct {
	// Dir is the workspace.
	Dir string

	scratch string
	bazel   *bazeltest.Bazel
}

// New copies the workspace's files, as they are, but for what git ignores. At the test's
// end nothing is left.
func New(t testing.TB, o Options) *Checkout {
	t.Helper()
	workspace := bazeltest.Workspace(t)
	scratch := filepath.Join(t.TempDir(), o.Name)
	if o.Umask == "" {
		o.Umask = "022"
	}
	umask, err := strconv.ParseUint(o.Umask, 8, 9)
	if err != nil {
		t.Fatal(err)
	}
	c := &Checkout{Dir: filepath.Join(scratch, "src"), scratch: scratch}
	home := filepath.Join(scratch, "home")
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := copyWorkspace(workspace, c.Dir, fs.FileMode(umask)); err != nil {
		t.Fatal(err)
	}
	env := append(bazeltest.Environ(), "HOME="+home)
	if o.OwnWorld {
		world, err := linkWorld(workspace, filepath.Join(scratch, "cache"))
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, world...)
	} else {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, "XDG_CACHE_HOME="+cache)
	}
	t.Cleanup(func() { c.remove(t) })
	c.bazel = bazeltest.New(t, bazeltest.Options{
		Dir:     c.Dir,
		Program: filepath.Join(c.Dir, "tools/bazel"),
		Prefix:  o.somebody(),
		Env:     append(env, o.Env...),
		Flags: []string{
			"--config=ci", "--disk_cache=",
			// A checkout is in /tmp, and what tools/bazel provisions may be too, elsewhere
			// there: Bazel does not bring it into the /tmp that it gives each action.
			"--noincompatible_sandbox_hermetic_tmp",
		},
	})
	if o.Git {
		c.git(t, "init", "--quiet")
		c.git(t, "add", "--all")
		c.git(t, "-c", "user.name=nobody", "-c", "user.email=nobody@localhost", "commit", "--quiet", "--message=copied")
	}
	return c
}

func (c *Checkout) git(t testing.TB, args ...string) {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir = c.Dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("git %s: %v: %s", args[0], err, out)
	}
}

// remove removes all that is left. What Go keeps is read-only.
func (c *Checkout) remove(t testing.TB) {
	t.Helper()
	walk := filepath.WalkDir(c.scratch, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return err
	})
	if err := errors.Join(walk, os.RemoveAll(c.scratch)); err != nil {
		t.Error(err)
	}
}

// Log is the path of the last build's execution log.
func (c *Checkout) Log() string { return c.bazel.Log }

// Output reads what was built, by its path below bazel-bin.
func (c *Checkout) Output(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.Dir, "bazel-bin", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Outputs reads all that was built and matches a pattern, by paths below bazel-bin.
func (c *Checkout) Outputs(t testing.TB, pattern string) map[string][]byte {
	t.Helper()
	bin := filepath.Join(c.Dir, "bazel-bin")
	names, err := fs.Glob(os.DirFS(bin), pattern)
	if err != nil {
		t.Fatal(err)
	}
	outputs := make(map[string][]byte)
	for _, name := range names {
		outputs[name] = c.Output(t, name)
	}
	return outputs
}

// Netrc writes the file that has passwords for servers.
func (c *Checkout) Netrc(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(c.scratch, "home", ".netrc"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Remove has Bazel want an output once more, and what made it, but nothing else.
func (c *Checkout) Remove(t testing.TB, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(c.Dir, "bazel-bin", name)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

// Edit replaces the one place where a file has a text.
func (c *Checkout) Edit(t testing.TB, name, before, after string) {
	t.Helper()
	path := filepath.Join(c.Dir, name)
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

// Bazel runs a command of Bazel's, which must work, and returns what it said.
func (c *Checkout) Bazel(t testing.TB, command string, args ...string) string {
	t.Helper()
	return c.bazel.Run(t, command, args...)
}

// Try is Bazel for a command that may fail.
func (c *Checkout) Try(t testing.TB, command string, args ...string) (said string, err error) {
	t.Helper()
	return c.bazel.Try(t, command, args...)
}

// somebody are the words of a command that executes another one as whoever builds.
func (o Options) somebody() []string {
	var words []string
	if o.OtherUser {
		// Unlike with unshare, a host's name needs no privilege.
		words = append(words, "bwrap", "--die-with-parent", "--dev-bind", "/", "/",
			"--unshare-user", "--uid", "12345", "--gid", "12345", "--unshare-uts", "--hostname", "another-host")
	}
	return append(words, "sh", "-c", "umask "+o.Umask+` && exec "$@"`, "sh")
}
