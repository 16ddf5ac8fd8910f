package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// makeTree writes files of these names, or directories for names that end in a
// slash.
func makeTree(t *testing.T, names ...string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range names {
		path := filepath.Join(root, name)
		directory := filepath.Dir(path)
		if name[len(name)-1] == '/' {
			directory = path
		}
		if err := os.MkdirAll(directory, 0o700); err != nil {
			t.Fatal(err)
		}
		if directory != path {
			if err := os.WriteFile(path, []byte(name), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	return root
}

func filesOf(tree Entry) (got []string, err error) {
	tree.Type, tree.Mode = Tree, "0644"
	entries, err := withTrees([]*Entry{&tree})
	for _, e := range entries {
		what := e.Mode
		if e.Type == Symlink {
			what = "-> " + e.Target
		}
		got = append(got, e.Path+" "+what)
	}
	return got, err
}

func TestTrees(t *testing.T) {
	root := makeTree(t, "a/b", "a/empty/", "a-b", "a.b/c", "z")
	if err := os.Symlink("z", filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string][]string{
		"/srv": {"/srv 0755", "/srv/a/b 0644", "/srv/a-b 0644", "/srv/a.b/c 0644", "/srv/link -> z", "/srv/z 0644"},
		"/":    {"/a/b 0644", "/a-b 0644", "/a.b/c 0644", "/link -> z", "/z 0644"},
	} {
		got, err := filesOf(Entry{Path: at, Source: root})
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("at %s: got %v, %v, want %v", at, got, err, want)
		}
	}
}

func TestBadTrees(t *testing.T) {
	file := filepath.Join(makeTree(t, "file"), "file")
	fifo := makeTree(t, "a/")
	if err := syscall.Mkfifo(filepath.Join(fifo, "a", "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := func(at, target string) string {
		root := makeTree(t, "a/b")
		if err := os.Symlink(target, filepath.Join(root, at)); err != nil {
			t.Fatal(err)
		}
		return root
	}
	canary := filepath.Join(makeTree(t, "canary"), "canary")
	for name, test := range map[string]struct{ source, want string }{
		"a file":            {file, "is not a directory"},
		"missing":           {"/nonexistent", "no such file"},
		"fifo":              {fifo, "neither a regular file nor a directory"},
		"absolute":          {link("a/out", canary), `"/srv/a/out": symlink target "` + canary + `" is absolute`},
		"escaping":          {link("a/out", "../../x"), `"/srv/a/out": symlink target "../../x" leads out of the packed directory`},
		"escaping later":    {link("a/out", "../a/../../x"), "leads out of the packed directory"},
		"through a name":    {link("out", "a/../b"), `".." after a name`},
		"control character": {makeTree(t, "a\tb"), "control characters"},
	} {
		_, err := filesOf(Entry{Path: "/srv", Source: test.source, Origin: "trees in //:a"})
		t.Run(name, func(t *testing.T) {
			expect(t, err, test.want)
			expect(t, err, "(from trees in //:a)")
		})
	}
}

// A symlink that stays in its tree is one in the image, wherever it leads to: to a directory,
// up, or to nothing.
func TestSymlinksInTrees(t *testing.T) {
	root := makeTree(t, "d/file")
	for name, target := range map[string]string{"dir": "d", "d/up": "..", "d/across": "../dir/file", "dangling": "nothing", "d/self": "self"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := filesOf(Entry{Path: "/srv", Source: root})
	want := []string{"/srv 0755", "/srv/d/across -> ../dir/file", "/srv/d/file 0644", "/srv/d/self -> self", "/srv/d/up -> ..", "/srv/dangling -> nothing", "/srv/dir -> d"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// Units in a tree are units: what they need is added.
func TestUnitsInTrees(t *testing.T) {
	root := makeTree(t, "lib/systemd/system/foo.service", "lib/systemd/system/README", "lib/systemd/system/foo.d/x", "lib/other.service")
	if err := os.WriteFile(filepath.Join(root, "lib/systemd/system/foo.service"), []byte("[Service]\nStateDirectory=foo\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{"/usr": true, "/srv": false, "/usr/lib/systemd/system/sub": false} {
		spec, err := readLines(t, testHeader, fmt.Sprintf(`{"path":%q,"type":"tree","mode":"0644","source":%q}`, at, root))
		if err != nil {
			t.Fatal(err)
		}
		if got := spec.Find("/var/lib/foo") != nil; got != want {
			t.Errorf("at %s: a mount point is added: %t", at, got)
		}
	}
}
