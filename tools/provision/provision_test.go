// Package provision tests the errors of tools/bazel. Programs in its PATH fail as
// they would on a machine with the trouble, so that no network is needed. .ci/run
// tests real provisioning.
package provision

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// A machine is a workspace and a PATH of its own.
type machine struct {
	workspace, bin string
	env            []string
}

func newMachine(t *testing.T, directory string) *machine {
	t.Helper()
	root := filepath.Join(t.TempDir(), directory)
	m := &machine{workspace: filepath.Join(root, "workspace"), bin: filepath.Join(root, "bin")}
	marker, err := runfiles.Rlocation(os.Getenv("MARKER"))
	if err != nil {
		t.Fatal(err)
	}
	sources := filepath.Dir(marker)
	for _, name := range []string{"MODULE.bazel", "go.mod", "go.sum", ".bazelversion", "bzl/toolchains/versions.bzl", "tools/bazel", "tools/provision"} {
		to := filepath.Join(m.workspace, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("cp", "-rL", filepath.Join(sources, name), to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	if err := os.MkdirAll(m.bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{"/usr/bin", "/bin", "/usr/sbin"} {
		programs, err := os.ReadDir(from)
		if err != nil {
			t.Fatal(err)
		}
		for _, program := range programs {
			// The first of a name counts, as in a PATH.
			_ = os.Symlink(filepath.Join(from, program.Name()), filepath.Join(m.bin, program.Name()))
		}
	}
	home := filepath.Join(root, "home")
	m.env = []string{"HOME=" + home, "PATH=" + m.bin, "PROVISION_KEYRING=" + marker}
	// A machine that passes all checks that provisioning makes before it uses the network.
	m.stub(t, "uname", `case $1 in -s) echo Linux ;; *) echo x86_64 ;; esac`)
	m.stub(t, "unshare", `exit 0`)
	m.stub(t, "dpkg-deb", `exit 1`)
	m.stub(t, "df", `printf 'Avail\n999999\n'`)
	m.aptGet(t, "exit 0")
	m.stub(t, "apt-cache", `[[ $4 != *-bootstrap ]] || echo ' bazel-bootstrap | 7.7.1+ds-8 | http://mirror.invalid/debian forky/main amd64 Packages'
[[ $4 != squashfs-tools ]] || echo ' squashfs-tools | 1:4.7.5-1 | http://mirror.invalid/debian forky/main amd64 Packages'`)
	return m
}

// stub replaces a program by a shell script.
func (m *machine) stub(t *testing.T, program, script string) {
	t.Helper()
	m.hide(t, program)
	if err := os.WriteFile(filepath.Join(m.bin, program), []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// aptGet replaces apt-get by one that has a mirror in its sources, and runs a script
// for everything but listing them.
func (m *machine) aptGet(t *testing.T, script string) {
	t.Helper()
	m.stub(t, "apt-get", `if [[ $1 == indextargets ]]; then echo 'main bookworm http://mirror.invalid/debian/'; exit; fi
`+script)
}

func (m *machine) hide(t *testing.T, program string) {
	t.Helper()
	if err := os.Remove(filepath.Join(m.bin, program)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

func (m *machine) setenv(assignment string) { m.env = append(m.env, assignment) }

func (m *machine) unsetenv(name string) {
	m.env = slices.DeleteFunc(m.env, func(s string) bool { return strings.HasPrefix(s, name+"=") })
}

// bazel runs tools/bazel.
func (m *machine) bazel(t *testing.T, args ...string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(m.workspace, "tools/bazel"), args...)
	cmd.Env, cmd.Dir = m.env, m.workspace
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestErrors(t *testing.T) {
	for name, test := range map[string]struct {
		trouble func(*testing.T, *machine)
		want    []string
	}{
		"unsupported CPU": {
			func(t *testing.T, m *machine) {
				m.stub(t, "uname", `case $1 in -s) echo Linux ;; *) echo mips ;; esac`)
			},
			[]string{"unsupported machine: Linux on mips", "x86_64 and aarch64"}},
		"unsupported system": {
			func(t *testing.T, m *machine) {
				m.stub(t, "uname", `case $1 in -s) echo Darwin ;; *) echo x86_64 ;; esac`)
			},
			[]string{"unsupported machine: Darwin", "Bazelisk"}},
		"no apt": {
			func(t *testing.T, m *machine) { m.hide(t, "apt-get"); m.hide(t, "dpkg-deb") },
			[]string{"not found: apt-get dpkg-deb", "Bazelisk"}},
		"other distribution": {
			func(t *testing.T, m *machine) {
				m.stub(t, "apt-get", `echo 'main noble http://mirror.invalid/ubuntu/'`)
			},
			[]string{"apt knows no Debian mirror", "PROVISION_MIRROR"}},
		"no keyring": {
			func(t *testing.T, m *machine) { m.setenv("PROVISION_KEYRING=/nowhere.gpg") },
			[]string{"'/nowhere.gpg'", "debian-archive-keyring"}},
		"no user namespaces": {
			func(t *testing.T, m *machine) { m.stub(t, "unshare", "exit 1") },
			[]string{"forbids user namespaces", "sysctl", "run as root"}},
		"no room": {
			func(t *testing.T, m *machine) { m.stub(t, "df", `printf 'Avail\n  12\n'`) },
			[]string{"not enough disk space", "12 MiB free", "1500 MiB needed"}},
		"HOME not set": {
			func(t *testing.T, m *machine) { m.unsetenv("HOME") },
			[]string{"HOME is not set", "XDG_CACHE_HOME"}},
		"HOME relative": {
			func(t *testing.T, m *machine) { m.unsetenv("HOME"); m.setenv("HOME=somewhere") },
			[]string{"relative path: 'somewhere/.cache'"}},
		"HOME read-only": {
			func(t *testing.T, m *machine) { m.unsetenv("HOME"); m.setenv("HOME=/proc") },
			[]string{"can't write to the cache directory '/proc/.cache"}},
		"cache directory with a space": {
			func(t *testing.T, m *machine) { m.setenv("XDG_CACHE_HOME=/tmp/a b") },
			[]string{"cache directory's path has a space"}},
		"no network": {
			func(t *testing.T, m *machine) {
				m.aptGet(t, `echo "Err:1 http://mirror.invalid/debian forky InRelease"; echo "E: Could not resolve 'mirror.invalid'"; exit 100`)
			},
			[]string{"can't get the package lists of Debian forky", "Could not resolve", "first use needs the network"}},
		"mirror badly signed": {
			func(t *testing.T, m *machine) {
				m.aptGet(t, `echo "E: The repository 'http://mirror.invalid/debian forky InRelease' is not signed."; exit 100`)
			},
			[]string{"is not signed", "debian-archive-keyring"}},
		"disk full while downloading": {
			func(t *testing.T, m *machine) {
				m.aptGet(t, `[[ $* != *download-only* ]] || { echo "E: Write error - write (28: No space left on device)"; exit 100; }`)
			},
			[]string{"can't get Debian packages", "The disk is full"}},
		"disk too small for what is to be downloaded": {
			func(t *testing.T, m *machine) {
				m.aptGet(t, `[[ $* != *download-only* ]] || { echo "E: You don't have enough free space in /here/."; exit 100; }`)
			},
			[]string{"can't get Debian packages", "The disk is full"}},
		"pinned Bazel gone": {
			func(t *testing.T, m *machine) {
				m.stub(t, "apt-cache", `echo ' bazel-bootstrap | 7.8.0+ds-1 | http://mirror.invalid/debian forky/main amd64 Packages'`)
			},
			[]string{"Debian forky has no bazel-bootstrap 7.7.1*", "7.8.0+ds-1 in sid", "PROVISION_BAZEL_VERSION", "PROVISION_SUITE"}},
		"no version in .bazelversion": {
			func(t *testing.T, m *machine) {
				if err := os.WriteFile(filepath.Join(m.workspace, ".bazelversion"), nil, 0o644); err != nil {
					t.Fatal(err)
				}
			},
			[]string{"no version found in .bazelversion", "git checkout"}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, "machine")
			test.trouble(t, m)
			said, err := m.bazel(t, "build", "//:image")
			if err == nil {
				t.Fatalf("exit status 0: %s", said)
			}
			for _, want := range append(test.want, "tools/bazel: error: ") {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in: %s", want, said)
				}
			}
			if strings.Contains(said, "unbound variable") || strings.Count(said, "error: ") != 1 {
				t.Errorf("not one clear error: %s", said)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(m.workspace), "home/.cache/*/*-*[0-9a-f]")); len(left) > 0 {
				t.Errorf("published although it failed: %v", left)
			}
		})
	}
}

func TestWorkspaceWithASpace(t *testing.T) {
	m := newMachine(t, "a machine")
	m.unsetenv("HOME")
	m.setenv("HOME=" + t.TempDir())
	m.setenv("PATH=/usr/bin:/bin")
	if said, err := m.bazel(t, "version"); err == nil || !strings.Contains(said, "workspace's path has a space") {
		t.Errorf("got %v: %s", err, said)
	}
}

// With BAZEL_REAL set the launcher changes nothing: arguments, environment and exit
// status are the same, and nothing is provisioned.
func TestHandsOverToBazelReal(t *testing.T) {
	m := newMachine(t, "machine")
	m.stub(t, "real", `printf '<%s>' "$@"; env -u PWD -u SHLVL -u _ | sort; exit 37`)
	m.setenv("BAZEL_REAL=" + filepath.Join(m.bin, "real"))
	m.setenv("SOME=thing")
	said, err := m.bazel(t, "build", "//a b", "--x=*")
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 37 {
		t.Errorf("got %v, want Bazel's exit status 37", err)
	}
	env := slices.Sorted(slices.Values(m.env))
	want := "<build><//a b><--x=*>" + strings.Join(env, "\n") + "\n"
	if said != want {
		t.Errorf("got\n%s\nwant\n%s", said, want)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(m.workspace), "home")); err == nil {
		t.Error("something was put into HOME")
	}
}

// The negative control: without trouble, none of the errors above appears before
// packages are unpacked, which fails on this machine.
func TestNoTroubleUntilUnpacking(t *testing.T) {
	m := newMachine(t, "machine")
	// Called as apt-get --config-file DIRECTORY/apt.conf ...
	m.aptGet(t, `[[ $* != *download-only* ]] || : > "${2%/apt.conf}/archives/a_1_all.deb"`)
	said, err := m.bazel(t, "version")
	if err == nil || !strings.Contains(said, "can't unpack a Debian package: a_1_all.deb") {
		t.Errorf("got %v: %s", err, said)
	}
}
