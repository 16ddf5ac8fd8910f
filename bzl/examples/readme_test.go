// Package examples tests that the examples of bzl/README.md are the packages below this
// directory, which a build of //... builds.
package examples

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

func TestTheReadmesExamplesAreBuilt(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*/BUILD.bazel")
	if err != nil {
		t.Fatal(err)
	}
	missing := make(map[string]bool)
	for _, file := range files {
		missing[file] = true
	}
	blocks := block.FindAllStringSubmatch(string(readme), -1)
	for _, b := range blocks {
		name, shown := b[1], b[2]
		content, err := os.ReadFile(name)
		if err != nil {
			t.Error(err)
		} else if start, _, _ := strings.Cut(string(content), notShown); start != shown {
			t.Errorf("bzl/examples/%s is not what bzl/README.md shows:\n%s\nagainst\n%s", name, content, shown)
		}
		delete(missing, name)
	}
	if len(missing) > 0 {
		t.Errorf("bzl/README.md does not show %v", missing)
	}
	if all := strings.Count(string(readme), "```python\n"); all != len(blocks) {
		t.Errorf("%d of %d examples name a file below bzl/examples in their first line", len(blocks), all)
	}
}
