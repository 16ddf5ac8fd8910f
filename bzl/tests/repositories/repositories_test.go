// Package repositories tests every branch of the repository rules, also those that
// tools/bazel's environment hides: a Bazel of its own, in a workspace of its own, fetches from
// a server that the test starts.
package repositories

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/bazeltest"
	"example.org/portable-walkthrough-go/tools/skip"
)

// archive returns a tar.gz of one file, and of symbolic links by their names.
func archive(t *testing.T, name, content string, links ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))})
	if err == nil {
		_, err = w.Write([]byte(content))
	}
	for _, link := range links {
		if err == nil {
			err = w.WriteHeader(&tar.Header{Name: link[0], Linkname: link[1], Typeflag: tar.TypeSymlink, Mode: 0o777})
		}
	}
	for _, c := range []interface{ Close() error }{w, z} {
		if err == nil {
			err = c.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// pinned returns a version of versions.bzl.
func pinned(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../toolchains/versions.bzl")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(name + ` = "(.*)"`).FindSubmatch(text)
	if match == nil {
		t.Fatalf("versions.bzl has no %s", name)
	}
	return string(match[1])
}

// A site serves archives, and records what was fetched.
type site struct {
	*httptest.Server
	archives map[string][]byte
	fetched  []string
}

func newSite(t *testing.T, archives map[string][]byte) *site {
	s := &site{archives: archives}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := s.archives[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		s.fetched = append(s.fetched, r.URL.Path)
		_, _ = w.Write(content)
	}))
	t.Cleanup(s.Close)
	return s
}

// A nested is a Bazel in a workspace that has our repository rules and uses them.
type nested struct {
	*bazeltest.Bazel
	base string // its output base
}

func newNested(t *testing.T, uses string, startup ...string) nested {
	t.Helper()
	dir := t.TempDir()
	for _, from := range []string{"bzl/toolchains", "tools/provision"} {
		root := filepath.Join("../../..", from)
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			// Through the links of runfiles.
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			below, err := filepath.Rel(root, path)
			write(t, filepath.Join(dir, from, below), string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"BUILD.bazel":                 buildFile,
		"WORKSPACE":                   loads + uses,
		"bzl/toolchains/BUILD.bazel":  "",
		"tools/provision/BUILD.bazel": `exports_files(glob(["**"]))`,
		// A package that debian.bzl lets load it.
		"tools/vm/BUILD.bazel":  `exports_files(["debian.lock"])`,
		"tools/vm/packages.bzl": "load(\"//tools/provision:debian.bzl\", _rule = \"debian_packages\")\n\ndebian_packages = _rule\n",
	} {
		write(t, filepath.Join(dir, name), text)
	}
	// Only WORKSPACE mode needs no registry.
	b := bazeltest.New(t, bazeltest.Options{Dir: dir, Startup: startup, Flags: []string{"--noenable_bzlmod", "--enable_workspace"}})
	return nested{b, strings.TrimSpace(b.Print(t, "info", "output_base"))}
}

const loads = `
load("//bzl/toolchains:repositories.bzl", "bubblewrap_of_machine", "go_sdk_archive", "shellcheck_archive", "squashfs_tools_of_machine")
load("//tools/vm:packages.bzl", "debian_packages")
`

const buildFile = `
filegroup(
    name = "of_debian",
    srcs = ["@debian//:packages.lock"],
    target_compatible_with = ["@debian//:available"],
)
`

// write writes a file, with the directories that it needs.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// has fails the test if a repository's file, once it is built, has another content.
func (n nested) has(t *testing.T, repository, file, want string, flags ...string) {
	t.Helper()
	n.Run(t, "build", append(flags, "@"+repository+"//:"+file)...)
	got, err := os.ReadFile(filepath.Join(n.base, "external", repository, file))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("@%s//:%s is %q, want %q", repository, file, got, want)
	}
}

// machines are the CPUs that archives are published for: Java's name, Go's and ShellCheck's.
var machines = [][3]string{{"amd64", "amd64", "x86_64"}, {"aarch64", "arm64", "aarch64"}}

// published returns a site with the archives of both tools, and repositories that fetch from it.
func published(t *testing.T) (s *site, uses string) {
	t.Helper()
	s = newSite(t, map[string][]byte{})
	var sdks, shellchecks string
	for _, cpu := range machines {
		sdk := archive(t, "go/VERSION", "go"+pinned(t, "GO_VERSION")+"\n"+cpu[1])
		s.archives["/sdk-"+pinned(t, "GO_VERSION")+"-"+cpu[1]+".tar.gz"] = sdk
		sdks += fmt.Sprintf("%q: %q, ", cpu[1], digest(sdk))
		shellcheck := archive(t, "shellcheck-v"+pinned(t, "SHELLCHECK_VERSION")+"/shellcheck", cpu[2])
		s.archives["/shellcheck-"+pinned(t, "SHELLCHECK_VERSION")+"-"+cpu[2]+".tar.gz"] = shellcheck
		shellchecks += fmt.Sprintf("%q: %q, ", cpu[2], digest(shellcheck))
	}
	return s, strings.NewReplacer("SITE", s.URL, "SDKS", sdks, "SHELLCHECKS", shellchecks).Replace(`
go_sdk_archive(name = "go", url = "SITE/sdk-{version}-{arch}.tar.gz", sha256 = {SDKS})
go_sdk_archive(name = "go_amd64", goarch = "amd64", url = "SITE/sdk-{version}-{arch}.tar.gz", sha256 = {SDKS})
go_sdk_archive(name = "go_arm64", goarch = "arm64", url = "SITE/sdk-{version}-{arch}.tar.gz", sha256 = {SDKS})
shellcheck_archive(name = "shellcheck", url = "SITE/shellcheck-{version}-{arch}.tar.gz", sha256 = {SHELLCHECKS})
`)
}

// Which is ours of machines.
func ours(t *testing.T) (mine, other [3]string) {
	t.Helper()
	switch runtime.GOARCH {
	case "amd64":
		return machines[0], machines[1]
	case "arm64":
		return machines[1], machines[0]
	}
	t.Skipf("no archives are published for %s", runtime.GOARCH)
	return
}

// An archive comes from its address, with its digest and without its prefix; what the
// environment provides comes before it.
func TestArchives(t *testing.T) {
	site, uses := published(t)
	mine, other := ours(t)
	version := "go" + pinned(t, "GO_VERSION") + "\n"
	flat := archive(t, "VERSION", version)
	site.archives["/flat.tar.gz"] = flat
	n := newNested(t, uses+strings.NewReplacer("SITE", site.URL, "ZEROS", strings.Repeat("0", 64), "FLAT", digest(flat), "CPU", mine[1], "MACHINE", mine[2]).Replace(`
go_sdk_archive(name = "go_wrong", url = "SITE/sdk-{version}-{arch}.tar.gz", sha256 = {"CPU": "ZEROS"})
go_sdk_archive(name = "go_flat", url = "SITE/flat.tar.gz", sha256 = {"CPU": "FLAT"})
go_sdk_archive(name = "go_gone", url = "SITE/gone.tar.gz", sha256 = {"CPU": "ZEROS"})
go_sdk_archive(name = "go_unpinned", sha256 = {})
go_sdk_archive(name = "go_default")
shellcheck_archive(name = "shellcheck_wrong", url = "SITE/shellcheck-{version}-{arch}.tar.gz", sha256 = {"MACHINE": "ZEROS"})
shellcheck_archive(name = "shellcheck_default")
`))
	n.has(t, "go", "VERSION", version+mine[1])
	n.has(t, "go_amd64", "VERSION", version+"amd64")
	n.has(t, "go_arm64", "VERSION", version+"arm64")
	n.has(t, "shellcheck", "shellcheck", mine[2])
	if len(site.fetched) < 3 {
		t.Errorf("only %q were fetched", site.fetched)
	}

	n.Fail(t, "but wanted "+strings.Repeat("0", 64), "build", "@go_wrong//:VERSION")
	n.Fail(t, "but wanted "+strings.Repeat("0", 64), "build", "@shellcheck_wrong//:shellcheck")
	n.Fail(t, `Prefix "go" was given, but not found in the archive`, "build", "@go_flat//:VERSION")
	n.Fail(t, "GET returned 404", "build", "@go_gone//:VERSION")
	n.Fail(t, "repository 'go_unpinned': no archive is pinned for linux on "+mine[1], "build", "@go_unpinned//:VERSION")

	blocked := filepath.Join(t.TempDir(), "blocked")
	write(t, blocked, "block *\n")
	for target, address := range map[string]string{
		"@go_default//:VERSION": fmt.Sprintf("https://go.dev/dl/go%s.linux-%s.tar.gz", pinned(t, "GO_VERSION"), mine[1]),
		"@shellcheck_default//:shellcheck": fmt.Sprintf("https://github.com/koalaman/shellcheck/releases/download/v%s/shellcheck-v%[1]s.linux.%s.tar.xz",
			pinned(t, "SHELLCHECK_VERSION"), mine[2]),
	} {
		n.Fail(t, address, "build", "--experimental_downloader_config="+blocked, target)
	}

	provided := t.TempDir()
	write(t, provided+"/sdk/VERSION", version+"provided")
	write(t, provided+"/old/VERSION", "go1.2.3\n")
	write(t, provided+"/shellcheck/shellcheck", "provided")
	write(t, provided+"/shellcheck/BUILD.bazel", `exports_files(["shellcheck"])`)
	n.has(t, "go", "VERSION", version+"provided", "--repo_env=GO_SDK_ROOT="+provided+"/sdk")
	n.has(t, "go_"+other[1], "VERSION", version+other[1], "--repo_env=GO_SDK_ROOT="+provided+"/sdk")
	n.Fail(t, "repository 'go': GO_SDK_ROOT contains go1.2.3, but go"+pinned(t, "GO_VERSION")+" is pinned", "build", "--repo_env=GO_SDK_ROOT="+provided+"/old", "@go//:VERSION")
	n.Fail(t, "repository 'go': GO_SDK_ROOT names a directory that does not exist: /nowhere", "build", "--repo_env=GO_SDK_ROOT=/nowhere", "@go//:VERSION")
	n.has(t, "shellcheck", "shellcheck", "provided", "--repo_env=SHELLCHECK_ROOT="+provided+"/shellcheck")
}

// Each machine gets its own archive, and one that has none an error.
func TestArchivesOfOtherMachines(t *testing.T) {
	_, uses := published(t)
	_, other := ours(t)
	n := newNested(t, uses, "--host_jvm_args=-Dos.arch="+other[0])
	n.has(t, "go", "VERSION", "go"+pinned(t, "GO_VERSION")+"\n"+other[1])
	n.has(t, "shellcheck", "shellcheck", other[2])

	n = newNested(t, uses, "--host_jvm_args=-Dos.arch=riscv64")
	n.Fail(t, "repository 'go': no archive is pinned for linux on riscv64", "build", "@go//:VERSION")
	n.Fail(t, "repository 'shellcheck': no archive is pinned for linux on riscv64", "build", "@shellcheck//:shellcheck")
}

// Programs are provided, or the machine's, or lacking.
func TestProgramsOfTheMachine(t *testing.T) {
	n := newNested(t, `
squashfs_tools_of_machine(name = "squashfs")
bubblewrap_of_machine(name = "bubblewrap")
`)
	squashfs, bwrap := "@squashfs//:mksquashfs", "@bubblewrap//:bwrap"
	none := "--repo_env=PATH=" + t.TempDir()
	n.Fail(t, "repository 'squashfs': no mksquashfs on this machine. Install squashfs-tools", "build", none, squashfs)
	n.has(t, "bubblewrap", "absent", "this machine has no bwrap; install bubblewrap\n", none)
	n.Run(t, "build", none, bwrap)

	provided := t.TempDir()
	for _, program := range []string{"mksquashfs", "bwrap"} {
		write(t, filepath.Join(provided, program), "provided")
	}
	write(t, provided+"/BUILD.bazel", `exports_files(["mksquashfs", "bwrap"])`)
	n.has(t, "squashfs", "mksquashfs", "provided", none, "--repo_env=SQUASHFS_TOOLS_ROOT="+provided)
	n.has(t, "bubblewrap", "bwrap", "provided", none, "--repo_env=BUBBLEWRAP_ROOT="+provided)

	for _, program := range []string{"mksquashfs", "unsquashfs", "bwrap"} {
		if _, err := os.Stat("/usr/bin/" + program); err != nil {
			skip.OrFail(t, "%v", err)
		}
	}
	machines := "--repo_env=PATH=/usr/bin:/bin"
	n.Run(t, "build", machines, squashfs, bwrap)
	if content, err := os.ReadFile(filepath.Join(n.base, "external/squashfs/bin/mksquashfs")); err != nil || !bytes.HasPrefix(content, []byte("\x7fELF")) {
		t.Errorf("mksquashfs is not imported: %v", err)
	}
	// A file that import copies is missing: import fails.
	if err := os.Remove(filepath.Join(n.Dir(), "tools/provision/imported/program.bzl")); err != nil {
		t.Fatal(err)
	}
	n.Run(t, "clean", "--expunge")
	n.Fail(t, "repository 'squashfs': can't import mksquashfs, unsquashfs from this machine: cp: ", "build", machines, squashfs)
	n.Fail(t, "repository 'bubblewrap': can't import bwrap from this machine: cp: ", "build", machines, bwrap)
}

// Where there is no apt, targets that need Debian's packages are skipped, and the reason is
// printed; a mirror that lacks them is an error. The repositories of //tools/vm and
// //tools/remote are those that a mirror has.
func TestDebianPackages(t *testing.T) {
	site := newSite(t, nil)
	n := newNested(t, `debian_packages(name = "debian", suite = "trixie", packages = ["base-files"])`)
	without := withoutApt(t)
	out := n.Run(t, "build", "--repo_env=PATH="+without, "//:all")
	for _, want := range []string{"repository 'debian' is empty, and targets that need it are skipped: unpack: error: not found: apt-get", "Target //:of_debian was skipped"} {
		if !strings.Contains(out, want) {
			t.Errorf("without apt, Bazel does not print %q", want)
		}
	}
	if !strings.Contains(out, "no lock file names its packages") {
		t.Error("Bazel does not print that there is no lock file")
	}
	if _, err := os.Stat("/usr/bin/apt-get"); err != nil {
		skip.OrFail(t, "%v", err)
	}
	n.Fail(t, "repository 'debian': can't get its packages: ", "build", "--repo_env=PATH=/usr/bin:/bin", "--repo_env=PROVISION_MIRROR="+site.URL, "//:all")
}

// withoutApt is a PATH with what every Linux machine has, and no apt.
func withoutApt(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	for _, program := range []string{"bash", "cp", "dirname", "gzip", "ln", "mkdir", "mv", "readlink", "sh", "tar", "uname"} {
		if err := os.Symlink("/usr/bin/"+program, filepath.Join(directory, program)); err != nil {
			t.Fatal(err)
		}
	}
	return directory
}

// deb returns a package, deb(5), of an archive's content.
func deb(t *testing.T, name, content string, links ...[2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	b.WriteString("!<arch>\n")
	for _, member := range []struct {
		name    string
		content []byte
	}{{"debian-binary", []byte("2.0\n")}, {"control.tar.gz", archive(t, "./control", "Package: x\n")}, {"data.tar.gz", archive(t, name, content, links...)}} {
		fmt.Fprintf(&b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", member.name, 0, 0, 0, "100644", len(member.content))
		b.Write(member.content)
		if len(member.content)%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// Where there is no apt Bazel downloads what a lock file names, when it is asked for and
// with the digest that is written there. Files lie where apt's way puts them.
func TestLockedPackages(t *testing.T) {
	one, two := deb(t, "./usr/bin/one", "1", [2]string{"./etc/link", "/usr/bin/one"}), deb(t, "./lib/two/file", "2")
	const pool = "/debian/20260102T030405Z/pool/main/o/one/"
	site := newSite(t, map[string][]byte{pool + "one_1+1~rc1_all.deb": one, pool + "two_2_" + runtime.GOARCH + ".deb": two})
	n := newNested(t, `
debian_packages(name = "debian", suite = "trixie", packages = ["one"], archive = True, data = ["usr/bin/one", "usr/lib/two/file"], lock = "//tools/vm:debian.lock")
debian_packages(name = "wrong", suite = "trixie", packages = ["one"], lock = "//tools/vm:debian.lock")
debian_packages(name = "gone", suite = "trixie", packages = ["one"], lock = "//tools/vm:debian.lock")
debian_packages(name = "new", suite = "trixie", packages = ["one"], lock = "//tools/vm:debian.lock")
debian_packages(name = "foreign", suite = "trixie", packages = ["one"], lock = "//tools/vm:debian.lock")
`)
	write(t, filepath.Join(n.Dir(), "tools/vm/debian.lock"), strings.NewReplacer("CPU", runtime.GOARCH, "ONES", strings.Repeat("1", 64), "ONE", digest(one), "TWO", digest(two), "ZEROS", strings.Repeat("0", 64)).Replace(`# A lock file.
timestamp 20260102T030405Z
debian pool/main/o/one/one_1%2b1%7erc1_all.deb ONE
debian pool/main/o/one/two_2_CPU.deb TWO
debian pool/main/o/one/two_2_mips.deb ZEROS
wrong pool/main/o/one/two_2_CPU.deb ZEROS
foreign pool/main/o/one/one_1%2b1%7erc1_all.deb ONE
foreign pool/main/o/one/two_2_mips.deb ZEROS
gone pool/main/o/one/gone_1_all.deb ONES
`))
	without := "--repo_env=PATH=" + withoutApt(t)
	from := "--repo_env=PROVISION_ARCHIVE=" + site.URL + "/debian/{timestamp}"
	if out := n.Run(t, "build", without, "//:all"); !strings.Contains(out, "set --repo_env=PROVISION_ARCHIVE=URL") || !strings.Contains(out, "Target //:of_debian was skipped") {
		t.Error("without an address, Bazel does not print what to set")
	}
	if len(site.fetched) > 0 {
		t.Errorf("%q were fetched before a target was built", site.fetched)
	}
	n.has(t, "debian", "usr/bin/one", "1", without, from)
	n.has(t, "debian", "usr/lib/two/file", "2", without, from)
	n.has(t, "debian", "packages.lock", "one 1+1~rc1 "+digest(one)+"\ntwo 2 "+digest(two)+"\n", without, from)
	if info, err := os.Stat(filepath.Join(n.base, "external/debian/usr/bin/one")); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("a program is not executable: %v", err)
	}
	n.Run(t, "build", without, from, "@debian//:root.tar", "//:of_debian")
	listed, err := exec.CommandContext(t.Context(), "tar", "--list", "--verbose", "--file="+filepath.Join(n.base, "external/debian/root.tar")).CombinedOutput()
	// As in the packages: modes, and symbolic links that lead nowhere on this machine.
	for _, want := range []string{`-rwxr-xr-x .* \./usr/bin/one\n`, `lrwxrwxrwx .* \./etc/link -> /usr/bin/one\n`} {
		if !regexp.MustCompile(want).Match(listed) {
			t.Errorf("%v: no line %s in\n%s", err, want, listed)
		}
	}
	n.Fail(t, "but wanted "+strings.Repeat("0", 64), "build", without, from, "@wrong//:packages.lock")
	n.Fail(t, "GET returned 404", "build", without, from, "@gone//:packages.lock")
	for _, name := range []string{"new", "foreign"} {
		if out, _ := n.Try(t, "build", without, from, "@"+name+"//:packages.lock"); !strings.Contains(out, "has no packages of "+name+" for "+runtime.GOARCH+"; write it again") {
			t.Errorf("Bazel does not print that the lock file lacks %s", name)
		}
	}
}
