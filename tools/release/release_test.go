package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const sourceTemplate = `{
    "integrity": "",
    "strip_prefix": "thing-{VERSION}",
    "url": "https://forge.example/{OWNER}/{REPO}/releases/download/{TAG}/thing-{VERSION}.tar.gz"
}`

const workspaceFile = `workspace(name = "user")

local_repository(
    name = "thing",
    path = "..",
)

load("@thing//:setup.bzl", "setup")

setup()
`

const metadataTemplate = `{"repository": ["github:someone/thing"], "versions": []}`

// repository makes a git repository of some files, with one commit.
func repository(t *testing.T) git {
	t.Helper()
	g := git{t.TempDir()}
	for name, content := range map[string]string{
		"MODULE.bazel": "module(\n    name = \"thing\",\n    version = \"1.2.3\",\n)\nbazel_dep(name = \"other\", version = \"9\")\n",
		"README":       "hello\n", "bin/tool": "#!/bin/sh\n", ".bcr/source.template.json": sourceTemplate,
		".bcr/metadata.template.json": metadataTemplate, "bzl/examples/loadlog/WORKSPACE": workspaceFile,
	} {
		write(t, filepath.Join(g.directory, name), content)
	}
	if err := os.Chmod(filepath.Join(g.directory, "bin/tool"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("README", filepath.Join(g.directory, "link")); err != nil {
		t.Fatal(err)
	}
	do(t, g, "init", "--quiet", "--initial-branch=main")
	commit(t, g, "First & <best>")
	return g
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, g git, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("no git on this machine")
	}
	if _, err := g.run(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, g git, message string) {
	t.Helper()
	do(t, g, "add", "--all")
	do(t, g, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", message)
}

func release1(t *testing.T, g git) *release {
	t.Helper()
	r, err := makeRelease(t.Context(), g, "HEAD", "someone/thing")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// contents lists an archive: mode, path, content or target.
func contents(t *testing.T, archive []byte) []string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg || h.Typeflag == tar.TypeSymlink {
			lines = append(lines, fmt.Sprintf("%o %s %d", h.Mode, h.Name+h.Linkname, len(content)))
		}
	}
}

func TestTheArchiveIsWhatIsCommitted(t *testing.T) {
	g := repository(t)
	write(t, filepath.Join(g.directory, "not-committed"), "secret")
	write(t, filepath.Join(g.directory, "README"), "changed")
	r := release1(t, g)
	want := []string{
		fmt.Sprintf("644 thing-1.2.3/.bcr/metadata.template.json %d", len(metadataTemplate)),
		fmt.Sprintf("644 thing-1.2.3/.bcr/source.template.json %d", len(sourceTemplate)),
		"644 thing-1.2.3/MODULE.bazel 94", "644 thing-1.2.3/README 6", "755 thing-1.2.3/bin/tool 10",
		fmt.Sprintf("644 thing-1.2.3/bzl/examples/loadlog/WORKSPACE %d", len(workspaceFile)), "777 thing-1.2.3/linkREADME 0",
	}
	if got := contents(t, r.archive); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(r.warnings) != 1 || !strings.Contains(r.warnings[0], "README") || !strings.Contains(r.warnings[0], "not-committed") {
		t.Errorf("warnings %q do not name the file that is left out", r.warnings)
	}
}

// The same commit gives the same bytes in a clone, for a user with other settings and
// another umask; another commit, others (the negative control).
func TestTwiceTheSameBytes(t *testing.T) {
	g := repository(t)
	want := release1(t, g)
	clone := git{filepath.Join(t.TempDir(), "clone")}
	before := syscall.Umask(0o077)
	defer syscall.Umask(before)
	do(t, g, "clone", "--quiet", g.directory, clone.directory)
	for setting, value := range map[string]string{"tar.umask": "0077", "core.autocrlf": "true", "core.abbrev": "4", "log.date": "relative"} {
		do(t, clone, "config", setting, value)
	}
	t.Setenv("TZ", "Pacific/Kiritimati")
	got := release1(t, clone)
	if !bytes.Equal(got.archive, want.archive) || got.source != want.source || got.metadata != want.metadata || got.notes != want.notes {
		t.Errorf("a clone gives another release:\n%q\n%q\n%s\n%s", contents(t, got.archive), contents(t, want.archive), got.notes, want.notes)
	}
	write(t, filepath.Join(g.directory, "README"), "other\n")
	commit(t, g, "Second")
	if other := release1(t, g); other.integrity == want.integrity {
		t.Error("another commit has the same digest")
	}
}

func TestSourceAndNotes(t *testing.T) {
	g := repository(t)
	do(t, g, "tag", "v1.2.2")
	write(t, filepath.Join(g.directory, "README"), "more\n")
	commit(t, g, "Second")
	r := release1(t, g)
	digest := sha256.Sum256(r.archive)
	integrity := "sha256-" + base64.StdEncoding.EncodeToString(digest[:])
	wantSource := `{
    "integrity": "` + integrity + `",
    "strip_prefix": "thing-1.2.3",
    "url": "https://forge.example/someone/thing/releases/download/v1.2.3/thing-1.2.3.tar.gz"
}
`
	if r.source != wantSource {
		t.Errorf("got %s\nwant %s", r.source, wantSource)
	}
	for _, want := range []string{"# thing 1.2.3\n", `bazel_dep(name = "thing", version = "1.2.3")`, `integrity = "` + integrity + `"`, "## Changes since v1.2.2\n\n- Second\n"} {
		if !strings.Contains(r.notes, want) {
			t.Errorf("%q is not in the notes:\n%s", want, r.notes)
		}
	}
	workspace := `In a WORKSPACE:

` + "```python" + `
load("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")

http_archive(
    name = "thing",
    integrity = "` + integrity + `",
    strip_prefix = "thing-1.2.3",
    url = "https://forge.example/someone/thing/releases/download/v1.2.3/thing-1.2.3.tar.gz",
)

load("@thing//:setup.bzl", "setup")

setup()
` + "```\n"
	if !strings.Contains(r.notes, workspace) {
		t.Errorf("the notes do not have\n%s\nbut\n%s", workspace, r.notes)
	}
	if strings.Contains(r.notes, "First") {
		t.Error("the notes list a change of the release before")
	}
}

// If the repository is known, no published file has a placeholder. If it is not, the placeholders
// stay for the person who publishes (the negative control).
func TestNoPlaceholderIsLeft(t *testing.T) {
	g := repository(t)
	placeholder := regexp.MustCompile(`\{[A-Z]+\}`)
	known := filepath.Join(t.TempDir(), "known")
	if err := release1(t, g).write(known); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"source.json", "metadata.json", "release_notes.md"} {
		content, err := os.ReadFile(filepath.Join(known, name))
		if err != nil {
			t.Fatal(err)
		}
		if left := placeholder.FindAllString(string(content), -1); left != nil || len(content) == 0 {
			t.Errorf("%s: %q is left in %s", name, left, content)
		}
	}
	r, err := makeRelease(t.Context(), g, "HEAD", "")
	if err != nil {
		t.Fatal(err)
	}
	if got := placeholder.FindAllString(r.source, -1); !slices.Equal(got, []string{"{OWNER}", "{REPO}"}) {
		t.Errorf("%q is left in %s", got, r.source)
	}
	if want := "github:someone/thing"; !strings.Contains(release1(t, g).metadata, want) {
		t.Errorf("no %s in the metadata", want)
	}
}

func TestRefusals(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(t *testing.T, g git)
		want    string
	}{
		"released already": {func(t *testing.T, g git) {
			do(t, g, "tag", "v1.2.3")
			write(t, filepath.Join(g.directory, "README"), "more\n")
			commit(t, g, "Second")
		}, "v1.2.3 is released already"},
		"no version": {func(t *testing.T, g git) {
			write(t, filepath.Join(g.directory, "MODULE.bazel"), "module(name = \"thing\")\n")
			commit(t, g, "Second")
		}, "module() has no version"},
		"other directory": {func(t *testing.T, g git) {
			write(t, filepath.Join(g.directory, ".bcr/source.template.json"), `{"strip_prefix": "thing"}`)
			commit(t, g, "Second")
		}, `strip_prefix is "thing", but the archive's directory is "thing-1.2.3"`},
		"other address": {func(t *testing.T, g git) {
			write(t, filepath.Join(g.directory, ".bcr/source.template.json"), `{"strip_prefix": "thing-{VERSION}", "url": "https://forge.example/a.zip"}`)
			commit(t, g, "Second")
		}, "does not end in the archive's name"},
		"a WORKSPACE that sets nothing up": {func(t *testing.T, g git) {
			write(t, filepath.Join(g.directory, "bzl/examples/loadlog/WORKSPACE"), strings.Split(workspaceFile, "load(")[0])
			commit(t, g, "Second")
		}, "WORKSPACE: no load() after a local_repository()"},
		"no metadata": {func(t *testing.T, g git) {
			do(t, g, "rm", "--quiet", ".bcr/metadata.template.json")
			commit(t, g, "Second")
		}, "metadata.template.json"},
		"no template": {func(t *testing.T, g git) {
			do(t, g, "rm", "--quiet", ".bcr/source.template.json")
			commit(t, g, "Second")
		}, "source.template.json"},
	} {
		t.Run(name, func(t *testing.T) {
			g := repository(t)
			test.prepare(t, g)
			if _, err := makeRelease(t.Context(), g, "HEAD", ""); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	if _, err := makeRelease(t.Context(), repository(t), "nowhere", ""); err == nil || !strings.Contains(err.Error(), `"nowhere" is not a commit`) {
		t.Errorf("got %v", err)
	}
	if _, err := makeRelease(t.Context(), repository(t), "HEAD", "thing"); err == nil || !strings.Contains(err.Error(), "OWNER/REPO") {
		t.Errorf("got %v", err)
	}
	if _, err := makeRelease(t.Context(), repository(t), "HEAD", "other/thing"); err == nil || !strings.Contains(err.Error(), `does not list "github:other/thing"`) {
		t.Errorf("got %v", err)
	}
}
