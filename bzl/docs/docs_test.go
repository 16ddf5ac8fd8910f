// Package docs holds the reference documentation of the rules, made from their
// docstrings, and the test that it is up to date:
//
//	bazel run //bzl/docs:docs_test -- -update
package docs

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/starlarkdoc"
)

var update = flag.Bool("update", false, "write the pages instead of comparing them")

func TestPagesAreUpToDate(t *testing.T) {
	for _, page := range []string{"archives", "defs", "squashfs_toolchain"} {
		compare(t, page, extracted(t, page))
	}
	compare(t, "go", ofSource(t, "go"))
}

// What is read from the source is what Bazel makes of it.
func TestSourceSaysTheSame(t *testing.T) {
	if got, want := ofSource(t, "archives"), extracted(t, "archives"); got != want {
		t.Errorf("the source of archives.bzl gives\n%s\nstarlark_doc_extract\n%s", got, want)
	}
}

func extracted(t *testing.T, page string) string {
	t.Helper()
	path, err := runfile.Path(strings.ToUpper(page))
	if err != nil {
		t.Fatal(err)
	}
	textproto, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := starlarkdoc.Render(string(textproto))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func ofSource(t *testing.T, page string) string {
	t.Helper()
	source, err := os.ReadFile("../workspace/" + page + ".bzl")
	if err != nil {
		t.Fatal(err)
	}
	text, err := starlarkdoc.RenderSource("//bzl/workspace:"+page+".bzl", source)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func compare(t *testing.T, page, want string) {
	t.Helper()
	name := page + ".md"
	if *update {
		if err := os.WriteFile(filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "bzl/docs", name), []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("bzl/docs/%s is not what the docstrings say (%v): bazel run //bzl/docs:docs_test -- -update", name, err)
	}
}
