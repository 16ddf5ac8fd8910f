package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// workspace returns the directory that the runfiles link to. The test reads all of its sources,
// including those of no target, so Bazel must not cache the result (tag external).
func workspace(t *testing.T) string {
	t.Helper()
	marker, err := filepath.EvalSymlinks(runfile.Of(t, "MARKER"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(marker)
}

func shellcheck(t *testing.T) program.Program {
	t.Helper()
	found, err := runfile.Program("SHELLCHECK")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestWorkspace(t *testing.T) {
	root := workspace(t)
	findings, err := lint(os.DirFS(root), checks(root, shellcheck(t), false))
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}

// The negative control: each check finds its mistake.
func TestChecksFindMistakes(t *testing.T) {
	for name, test := range map[string]struct{ file, content, want string }{
		"gofmt":           {"a.go", "package a\nvar  x = 1\n", "a.go:2: not formatted as gofmt"},
		"buildifier":      {"BUILD.bazel", "x(name='a')\n", "BUILD.bazel:1: not formatted as buildifier"},
		"buildifier lint": {"a.bzl", "\"\"\"Doc.\"\"\"\n\nload(\":b.bzl\", \"b\")\n", "a.bzl:3: load"},
		"ctx's argument":  {"a.bzl", "def f(rctx):\n    rctx.download_and_extract(\n        url = \"\",\n        strip_prefix = \"a\",\n    )\n", "a.bzl:4: download_and_extract has no argument strip_prefix in Bazel 7"},
		"new label":       {"a.bzl", "A = \"@platforms//cpu:loongarch64\"\n", "a.bzl:1: @platforms//cpu:loongarch64 is not in platforms 1.0.0, which MODULE.bazel declares; declare 1.1.0"},
		"unlisted label":  {"a.bzl", "A = \"@platforms//cpu:z80\"\n", "a.bzl:1: @platforms//cpu:z80 is not in tools/lint/platforms.txt"},
		"visibility":      {"BUILD.bazel", "go_library(\n    name = \"a\",\n    visibility = [\"//visibility:public\"],\n)\n", "BUILD.bazel:1: a is public"},
		"broken link":     {"a.md", "# A\n\n[b](b.md)\n", "a.md:3: the link leads to b.md, which does not exist"},
		"broken anchor":   {"a.md", "# A & b\n\n[a](#a--b), [b](a.md#b)\n", "a.md:3: the link leads to a.md#b, but that page has no such heading"},
		"shellcheck":      {"tool", "#!/bin/sh\necho $1\n", "tool:2:6: "},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			if err := os.WriteFile(filepath.Join(root, test.file), []byte(test.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "MODULE.bazel"), []byte("bazel_dep(name = \"platforms\", version = \"1.0.0\")\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			findings, err := lint(os.DirFS(root), checks(root, shellcheck(t), false))
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(findings, "\n"); !strings.Contains(all, test.want) {
				t.Errorf("got %q, want a finding %q", all, test.want)
			}
		})
	}
}

func TestSyntaxErrorsAreErrors(t *testing.T) {
	for _, name := range []string{"a.go", "BUILD.bazel"} {
		tree := fstest.MapFS{name: {Data: []byte("(")}}
		if _, err := lint(tree, checks("", program.Program{}, false)); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
}

func TestFixFormats(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "a.go")
	if err := os.WriteFile(file, []byte("package a\nvar  x = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lint(os.DirFS(root), checks(root, program.Program{}, true)); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); string(got) != "package a\n\nvar x = 1\n" {
		t.Errorf("got %q", got)
	}
}
