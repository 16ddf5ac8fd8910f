package image

import (
	"slices"
	"testing"
)

func TestTree(t *testing.T) {
	dir := func(path string) *Entry { return &Entry{Path: path, Type: Directory, Mode: "0700", Origin: "a"} }
	file := func(path string) *Entry { return &Entry{Path: path, Type: File, Mode: "0644", Origin: "b"} }
	link := func(path string) *Entry { return &Entry{Path: path, Type: Symlink, Target: "x", Origin: "c"} }
	for name, test := range map[string]struct {
		entries []*Entry
		paths   []string
		want    string
	}{
		"declared parents stay": {[]*Entry{dir("/a"), file("/a/b")}, []string{"/a 0700", "/a/b 0644"}, ""},
		"parents are added": {[]*Entry{file("/a/b/c"), file("/a/b/d"), file("/a/e/f")},
			[]string{"/a 0755", "/a/b 0755", "/a/b/c 0644", "/a/b/d 0644", "/a/e 0755", "/a/e/f 0644"}, ""},
		"a neighbour is no parent": {[]*Entry{file("/a"), file("/a-b"), file("/ab/c")},
			[]string{"/a 0644", "/a-b 0644", "/ab 0755", "/ab/c 0644"}, ""},
		"below a declared one": {[]*Entry{dir("/a"), file("/a/b/c/d"), file("/a/b/e")},
			[]string{"/a 0700", "/a/b 0755", "/a/b/c 0755", "/a/b/c/d 0644", "/a/b/e 0644"}, ""},

		"below a file":    {[]*Entry{file("/a"), file("/a/b")}, nil, `lies below "/a", which is a file (from b)`},
		"below a symlink": {[]*Entry{link("/a"), file("/a/b/c")}, nil, `below "/a", which is a symlink (from c)`},
	} {
		t.Run(name, func(t *testing.T) {
			var tree tree
			var got []string
			var err error
			for _, e := range test.entries {
				if err = tree.add(e, func(e *Entry) error {
					got = append(got, e.Path+" "+e.Mode)
					return nil
				}); err != nil {
					break
				}
			}
			expect(t, err, test.want)
			if test.want == "" && !slices.Equal(got, test.paths) {
				t.Errorf("got %v, want %v", got, test.paths)
			}
		})
	}
}
