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
	for _, page := range []string{"archives.md", "defs.md", "squashfs_toolchain.md"} {
		variable := strings.ToUpper(strings.TrimSuffix(page, ".md"))
		path, err := runfile.Path(variable)
		if err != nil {
			t.Fatal(err)
		}
		extracted, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := starlarkdoc.Render(string(extracted))
		if err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "bzl/docs", page), []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(page); err != nil || string(got) != want {
			t.Errorf("bzl/docs/%s is not what the docstrings say (%v): bazel run //bzl/docs:docs_test -- -update", page, err)
		}
	}
}
