package main

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "write public.txt instead of comparing it")

// public.txt lists all public targets and files. The test reads it from the workspace, like the
// files that it compares.
func TestPublic(t *testing.T) {
	root := workspace(t)
	list := filepath.Join(root, "tools/lint/public.txt")
	found, err := public(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(found, "\n") + "\n"
	if *update {
		if err := os.WriteFile(list, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("public is\n%s\nbut tools/lint/public.txt has\n%s\nmake it less, or accept it: bazel run //tools/lint:lint_test -- -test.run=TestPublic -update", got, want)
	}
}

// The list has a target for each way to be public, and no private one (the negative control).
func TestPublicIsSeen(t *testing.T) {
	tree := fstest.MapFS{}
	for name, content := range map[string]string{
		"BUILD.bazel": "a(\n    name = \"a\",\n    visibility = [\"//visibility:public\"],\n)\na(name = \"b\")\n",
		"computed/BUILD.bazel": "[a(\n    name = \"a_\" + x,\n    visibility = [\"//visibility:public\"] if x else [],\n) for x in y]\n" +
			"a(\n    name = \"b\",\n    tags = [\"//visibility:public\"],\n    visibility = [\"//a:__pkg__\"],\n)\n",
		"default/BUILD.bazel": "package(default_visibility = [\"//visibility:public\"])\n",
		"files/BUILD.bazel":   "exports_files([\"a\"])\nexports_files(\n    [\"b\"],\n    visibility = [\"//a:__pkg__\"],\n)\n",
		"MODULE.bazel":        "a(visibility = [\"//visibility:public\"])\n",
		"loaded/a.bzl":        "x = 1\n",
		"loaded/b.bzl":        "visibility(\"private\")\n",
		"loaded/c.bzl":        "visibility(\"public\")\n",
		"loaded/d.bzl":        "visibility(\"private\")\ndef d():\n    a(visibility = [\"//visibility:public\"])\n",
	} {
		tree[name] = &fstest.MapFile{Data: []byte(content)}
	}
	got, err := public(tree)
	want := []string{
		"//:a", `//computed:"a_" + x`, "//default:all", `//files:["a"]`, "//loaded:a.bzl", "//loaded:c.bzl", "//loaded:d.bzl: //visibility:public",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v\n%s\nwant\n%s", err, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
