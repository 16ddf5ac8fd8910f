package tests

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// Bazel's own symlinks, unresolved ones in files and runfiles, and those of a directory that a
// rule made: links.golden lists the results.
func TestLinksAreGolden(t *testing.T) {
	content, err := os.ReadFile(runfile.Of(t, "LINKS_MANIFEST"))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for line := range strings.Lines(string(content)) {
		path, rest, _ := strings.Cut(line, "\t")
		fields := strings.Split(rest, "\t")
		if strings.HasPrefix(path, "/etc/links") || strings.HasPrefix(path, "/usr/share/links") || strings.HasPrefix(path, "/usr/bin/") {
			if fields[0] != "symlink" {
				fields[4] = "*"
			}
			fmt.Fprintf(&got, "%s\t%s\t%s\t%s\n", path, fields[0], fields[1], fields[4])
		}
	}
	if *update {
		if err := os.WriteFile(filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "bzl/tests/links/links.golden"), []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("links/links.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("got\n%s\nwant\n%s\nIf the change is right: bazel run //bzl/tests:tests_test -- -update", got.String(), want)
	}
}

// The image action can't be made to read a file of the machine that it runs on: not through
// an unresolved symlink, and not through one in a directory.
func TestCanaryIsNotRead(t *testing.T) {
	const secret = "what only this machine has"
	for name, test := range map[string]struct {
		link, target string // of the file, below the action's directory
		line         string
		fails        string
	}{
		"file":         {"bazel-out/cfg/bin/canary", "CANARY", `{"path":"/etc/canary","type":"file","mode":"0644","source":"bazel-out/cfg/bin/canary","origin":"files in //:image"}`, "(from files in //:image)"},
		"symlink":      {"bazel-out/cfg/bin/canary", "CANARY", `{"path":"/etc/canary","type":"symlink","source":"bazel-out/cfg/bin/canary","origin":"files in //:image"}`, "(from files in //:image)"},
		"climbing":     {"bazel-out/cfg/bin/canary", "../../../../canary", `{"path":"/etc/canary","type":"file","mode":"0644","source":"bazel-out/cfg/bin/canary","origin":"files in //:image"}`, "leads out of the image"},
		"tree":         {"bazel-out/cfg/bin/dir/sub/canary", "CANARY", `{"path":"/srv","type":"tree","mode":"0644","source":"bazel-out/cfg/bin/dir","origin":"trees in //:image"}`, "(from trees in //:image)"},
		"source tree":  {"bzl/dir/sub/canary", "CANARY", `{"path":"/srv","type":"tree","mode":"0644","source":"bzl/dir","origin":"trees in //:image"}`, "(from trees in //:image)"},
		"parent":       {"bazel-out/cfg/bin/dir/sub", "DIRECTORY", `{"path":"/srv","type":"tree","mode":"0644","source":"bazel-out/cfg/bin/dir","origin":"trees in //:image"}`, "(from trees in //:image)"},
		"not escaping": {"bazel-out/cfg/bin/sub/canary", "../canary", `{"path":"/etc/canary","type":"file","mode":"0644","source":"bazel-out/cfg/bin/sub/canary","origin":"files in //:image"}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAction(t, runfile.Of(t, "ACTION"))
			canary := filepath.Join(t.TempDir(), "canary")
			if test.fails == "" {
				// The symlink stays inside the image, and leads to the canary where it is now.
				canary = filepath.Join(a.root, "bazel-out/cfg/bin/canary")
			}
			if err := os.WriteFile(canary, []byte(secret), 0o644); err != nil {
				t.Fatal(err)
			}
			link := filepath.Join(a.root, test.link)
			if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
				t.Fatal(err)
			}
			target := strings.NewReplacer("CANARY", canary, "DIRECTORY", filepath.Dir(canary)).Replace(test.target)
			if err := os.Symlink(target, link); err != nil {
				t.Fatal(err)
			}
			spec, err := os.OpenFile(filepath.Join(a.root, specFile), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			w := bufio.NewWriter(spec)
			fmt.Fprintln(w, test.line)
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			spec.Close()
			said, err := a.command(t).CombinedOutput()
			if bytes.Contains(said, []byte(secret)) {
				t.Errorf("the action read the file: %s", said)
			}
			if test.fails == "" {
				if err != nil {
					t.Fatalf("%v: %s", err, said)
				}
				if found := leaks(t, a.output(), []string{secret}, false); len(found) > 0 {
					t.Errorf("in the image: %q", found)
				}
				return
			}
			if err == nil || !strings.Contains(string(said), test.fails) || !strings.Contains(string(said), target) {
				t.Errorf("%v: want %q and the target in: %s", err, test.fails, said)
			}
			if left := leftBehind(t, a); left != "" {
				t.Errorf("left behind: %s", left)
			}
		})
	}
}
