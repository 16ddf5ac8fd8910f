// Package docs has the reference documentation of the rules, made from their
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
)

var update = flag.Bool("update", false, "write the pages instead of comparing them")

func TestPagesAreUpToDate(t *testing.T) {
	for _, page := range []string{"archives", "defs", "machines", "squashfs_toolchain", "test"} {
		textproto, err := os.ReadFile(runfile.Of(t, strings.ToUpper(page)))
		if err != nil {
			t.Fatal(err)
		}
		want, err := render(string(textproto))
		if err != nil {
			t.Fatal(err)
		}
		name := page + ".md"
		if *update {
			if err := os.WriteFile(filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "bzl/docs", name), []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("bzl/docs/%s is not what the docstrings say (%v); run: bazel run //bzl/docs:docs_test -- -update", name, err)
		}
	}
}

// The pages show what render does with all that is right.
func TestNoPage(t *testing.T) {
	const attribute = "rule_info {\n  rule_name: \"r\"\n  doc_string: \"It\\'s a rule.\"\n  attribute {\n    name: \"a\"\n    doc_string: \"\"\n  }\n}\nmodule_docstring: \"All of it.\"\n"
	for text, want := range map[string]string{
		attribute:              "no docstring: r.a",
		"rule_info {\n":        "ends within",
		"}\n":                  "is no field",
		`file: "\342\200\246"`: "write ASCII",
		`file: "x`:             "invalid syntax",
	} {
		if page, err := render(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, %q, want %s", text, err, page, want)
		}
	}
}
