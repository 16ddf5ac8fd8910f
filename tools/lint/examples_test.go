package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is an example: its first line names the file that it shows.
var block = regexp.MustCompile("(?s)```python\n# bzl/examples/(\\S+)\n(.*?)```\n")

// notShown ends what the README has of a file.
const notShown = "\n# From here on not shown in bzl/README.md.\n"

// The examples of bzl/README.md are the packages below bzl/examples, which a build of //...
// builds.
func TestTheReadmesExamplesAreBuilt(t *testing.T) {
	examples := filepath.Join(workspace(t), "bzl/examples")
	readme := read(t, "bzl/README.md")
	files, err := filepath.Glob(filepath.Join(examples, "*/BUILD.bazel"))
	if err != nil {
		t.Fatal(err)
	}
	missing := make(map[string]bool)
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// A module of its own has a page of its own.
		_, err = os.Stat(filepath.Join(filepath.Dir(file), "MODULE.bazel"))
		missing[file] = err != nil && strings.Contains(string(content), "//bzl:defs.bzl")
	}
	delete(missing, filepath.Join(examples, "needs/BUILD.bazel")) // bzl/docs/services.md shows excerpts.
	blocks := block.FindAllStringSubmatch(readme, -1)
	for _, b := range blocks {
		name, shown := filepath.Join(examples, b[1]), b[2]
		content, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		} else if start, _, _ := strings.Cut(string(content), notShown); start != shown {
			t.Errorf("%s is not what bzl/README.md shows:\n%s\nagainst\n%s", name, content, shown)
		}
		delete(missing, name)
	}
	for file, want := range missing {
		if want {
			t.Errorf("bzl/README.md does not show %s", file)
		}
	}
	if all := strings.Count(readme, "```python\n"); all != len(blocks) {
		t.Errorf("%d of %d examples name a file below bzl/examples in their first line", len(blocks), all)
	}
}

// excerpt is a part of an example: its first line names the file.
var excerpt = regexp.MustCompile("(?s)```[a-z]+\n(?:#|//) (bzl/examples/\\S+)\n(.*?)```\n")

// The excerpts that pages show are in their files.
func TestPagesShowExcerpts(t *testing.T) {
	for page, atLeast := range map[string]int{"bzl/docs/services.md": 15, "bzl/docs/workspace.md": 2} {
		found := excerpt.FindAllStringSubmatch(read(t, page), -1)
		if len(found) < atLeast {
			t.Errorf("%s has %d excerpts, and had %d", page, len(found), atLeast)
		}
		for _, e := range found {
			if name, shown := e[1], e[2]; !strings.Contains(read(t, name), shown) {
				t.Errorf("%s shows of %s what is not in it:\n%s", page, name, shown)
			}
		}
	}
}
