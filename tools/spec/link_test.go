package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// A sandbox is what Bazel makes for an action: in the directory of the action each input is
// a symlink to the same path of the execution root, but for unresolved symlinks, which are
// made anew. The test goes on in the action's directory.
type sandbox struct{ root, action, canary string }

func newSandbox(t *testing.T) *sandbox {
	t.Helper()
	dir := t.TempDir()
	s := &sandbox{filepath.Join(dir, "execroot/_main"), filepath.Join(dir, "sandbox/1/execroot/_main"), filepath.Join(dir, "machine/canary")}
	s.write(t, s.canary, "the building machine's")
	if err := os.MkdirAll(s.action, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(s.action)
	return s
}

func (s *sandbox) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *sandbox) link(t *testing.T, target, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

const binary, mapped = "bazel-out/k8-fastbuild/bin/", "bazel-out/cfg/bin/"

// The target of an unresolved symlink is never read: the image gets the symlink, or an error
// names it.
func TestUnresolvedSymlinks(t *testing.T) {
	for name, test := range map[string]struct{ kind, target, want, fails string }{
		"relative":             {"file", "current/config", "symlink current/config", ""},
		"relative, up":         {"file", "../other", "symlink ../other", ""},
		"absolute":             {"file", "CANARY", "", `"/etc/app/link": symlink target "CANARY" is absolute`},
		"escaping":             {"file", "../../../x", "", "leads out of the image"},
		"declared as relative": {"symlink", "current/config", "symlink current/config", ""},
		"declared as absolute": {"symlink", "CANARY", "", "is absolute"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSandbox(t)
			if test.target == "CANARY" {
				test.target = s.canary
			}
			s.link(t, test.target, binary+"link")
			header, mode := testHeader, `,"mode":"0644"`
			if test.kind == "symlink" {
				header, mode = `{"symlinks":true,`+testHeader[1:], ""
			}
			spec, err := readLines(t, header, fmt.Sprintf(`{"path":"/etc/app/link","type":%q,"source":%q,"origin":"files in //:a"%s}`, test.kind, binary+"link", mode))
			if test.fails != "" {
				if test.target == s.canary {
					expect(t, err, s.canary)
					test.fails = "is absolute"
				}
				expect(t, err, test.fails)
				expect(t, err, "(from files in //:a)")
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if e := spec.Find("/etc/app/link"); string(e.Type)+" "+e.Target != test.want || e.Source != "" || e.Mode != "" {
				t.Errorf("got %+v, want %s", e, test.want)
			}
		})
	}
}

// A symlink that Bazel makes to bring a file is none, whatever the file itself is.
func TestFilesOfASandbox(t *testing.T) {
	s := newSandbox(t)
	s.write(t, filepath.Join(s.root, binary, "file"), "x")
	s.link(t, "file", filepath.Join(s.root, binary, "made"))         // by an action, as its output
	s.link(t, filepath.Join(s.root, binary, "file"), mapped+"file")  // --experimental_output_paths=strip
	s.link(t, filepath.Join(s.root, binary, "made"), binary+"made")  // brought
	s.link(t, filepath.Join(s.action, mapped, "file"), binary+"own") // ctx.actions.symlink, without a sandbox
	s.write(t, binary+"copied", "x")
	s.link(t, "elsewhere", "source") // a source file's content is tracked through its symlinks
	for _, source := range []string{mapped + "file", binary + "made", binary + "own", binary + "copied", "source", binary + "missing"} {
		spec, err := readLines(t, testHeader, fmt.Sprintf(`{"path":"/file","type":"file","mode":"0644","source":%q}`, source))
		if err != nil {
			t.Fatal(err)
		}
		if e := spec.Find("/file"); e.Type != File || e.Source != source {
			t.Errorf("%s: %+v", source, e)
		}
	}
}

// In a sandbox each file of a tree is a symlink, and directories behind symlinks of the tree
// are directories. The tree's own symlinks are seen all the same.
func TestTreesOfASandbox(t *testing.T) {
	s := newSandbox(t)
	tree := filepath.Join(s.root, binary, "tree")
	s.write(t, filepath.Join(tree, "d/file"), "x")
	s.link(t, "d", filepath.Join(tree, "dir"))
	s.link(t, "d/file", filepath.Join(tree, "link"))
	for _, name := range []string{"d/file", "dir/file", "link"} {
		s.link(t, filepath.Join(tree, name), filepath.Join(mapped, "tree", name))
	}
	got, err := filesOf(Entry{Path: "/srv", Source: mapped + "tree"})
	if want := []string{"/srv 0755", "/srv/d/file 0644", "/srv/dir -> d", "/srv/link -> d/file"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	entries, err := withTrees([]*Entry{{Path: "/srv", Type: Tree, Mode: "0644", Source: mapped + "tree"}})
	if err != nil || entries[1].DeclaredSource() != mapped+"tree/d/file" || entries[1].Source != filepath.Join(tree, "d/file") {
		t.Errorf("got %+v, %v", entries[1], err)
	}
	// One that leads out is refused, and not read through.
	s.link(t, s.canary, filepath.Join(tree, "out"))
	s.link(t, filepath.Join(tree, "out"), filepath.Join(mapped, "tree/out"))
	_, err = filesOf(Entry{Path: "/srv", Source: mapped + "tree", Origin: "trees in //:a"})
	expect(t, err, `"/srv/out": symlink target "`+s.canary+`" is absolute`)
	expect(t, err, "(from trees in //:a)")
}
