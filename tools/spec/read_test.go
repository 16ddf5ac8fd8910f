package spec

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// Byte order would put "/a-b" between "/a" and "/a/b", and a directory's entries
// apart from each other.
func TestComparePaths(t *testing.T) {
	sorted := []string{"/a", "/a/b", "/a/b/c", "/a/b-c", "/a-b", "/a-b/c", "/a.b", "/ab", "/b"}
	for i, a := range sorted {
		for j, b := range sorted {
			if got := comparePaths(a, b); (got < 0) != (i < j) || (got > 0) != (i > j) {
				t.Errorf("comparePaths(%q, %q) = %d", a, b, got)
			}
		}
	}
}

const testHeader = `{"label":"//:image","name":"foo","prefixes":["foo"],"unit_dir":"/usr/lib/systemd/system"}`

func writeSpec(t *testing.T, lines ...string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "spec.jsonl")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// readLines reads a spec of these lines.
func readLines(t *testing.T, lines ...string) (*Spec, error) {
	t.Helper()
	return Read(writeSpec(t, lines...))
}

func TestEntriesAreSorted(t *testing.T) {
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprintf("/d%d/f%d", i%5, i))
	}
	shuffled := slices.Clone(want)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	lines := []string{testHeader}
	for _, path := range shuffled {
		lines = append(lines, fmt.Sprintf(`{"path":%q,"type":"file","mode":"0644"}`, path))
	}
	spec, err := readLines(t, lines...)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range spec.Entries {
		if !e.Added {
			got = append(got, e.Path)
		}
	}
	slices.SortFunc(want, comparePaths)
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// Find also finds directories that are only parents of declared paths, and does not confuse names
// of which one begins with the other.
func TestFind(t *testing.T) {
	source := t.TempDir()
	if err := os.WriteFile(filepath.Join(source, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	spec, err := readLines(t, testHeader,
		`{"path":"/srv/app/z","type":"file","mode":"0644"}`,
		`{"path":"/b","type":"symlink","target":"srv"}`,
		`{"path":"/srv-2","type":"file","mode":"0644"}`,
		`{"path":"/a/b-c","type":"file","mode":"0600"}`,
		`{"path":"/a","type":"directory","mode":"0700"}`,
		`{"path":"/a","type":"attributes","owner":"1:2"}`,
		fmt.Sprintf(`{"path":"/usr/share/a","type":"tree","mode":"0644","source":%q}`, source),
	)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]Entry{
		"/srv/app/z":   {Type: File, Mode: "0644"},
		"/srv/app":     {Type: Directory, Mode: "0755"},
		"/srv":         {Type: Directory, Mode: "0755"},
		"/srv-2":       {Type: File, Mode: "0644"},
		"/b":           {Type: Symlink, Target: "srv"},
		"/a":           {Type: Directory, Mode: "0700", Owner: "1:2"},
		"/a/b-c":       {Type: File, Mode: "0600"},
		"/a/b":         {},
		"/srv/app/z/y": {},
		"/zzz":         {},

		"/usr":             {Type: Directory, Mode: "0755"},
		"/usr/share":       {Type: Directory, Mode: "0755"},
		"/usr/share/a":     {Type: Directory, Mode: "0755"},
		"/usr/share/a/x":   {Type: File, Mode: "0644", Source: filepath.Join(source, "x")},
		"/usr/share/a/y":   {},
		"/usr/share/ab":    {},
		"/usr/share/a/x/y": {},

		"/var/tmp":         {Type: Directory, Mode: "1777"},
		"/var":             {Type: Directory, Mode: "0755"},
		"/etc/resolv.conf": {Type: File, Mode: "0644"},
	} {
		got := spec.Find(path)
		if got == nil {
			got = &Entry{}
		} else {
			want.Path = path
		}
		want.Origin, want.Added = got.Origin, got.Added
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("Find(%q) = %+v, want %+v", path, *got, want)
		}
	}
}

func TestBadSpecs(t *testing.T) {
	for name, test := range map[string]struct {
		lines []string
		want  []string
	}{
		"empty":          {nil, []string{"line 1"}},
		"not JSON":       {[]string{testHeader, "{"}, []string{"//:image", "line 2"}},
		"unknown field":  {[]string{testHeader, `{"path":"/a","type":"directory","mode":"0755","owner":"me"}`}, []string{"//:image", "line 2", "owner"}},
		"unknown header": {[]string{`{"lable":"//:image"}`}, []string{"line 1", "lable"}},
		"bad entry": {[]string{testHeader, `{"path":"/a/../b","type":"directory","mode":"0755","origin":"directories in //:rootfs"}`},
			[]string{"//:image", "line 2", "directories in //:rootfs"}},
		"cut off": {[]string{testHeader, `{"path":"/a",`}, []string{"//:image", "line 2", "unexpected EOF"}},
		"below a file": {[]string{testHeader, `{"path":"/a","type":"file","mode":"0644","origin":"files in //:a"}`, `{"path":"/a/b","type":"directory","mode":"0755"}`},
			[]string{"//:image", `"/a/b" (from the spec) is below "/a", which is a file (from files in //:a)`}},
		"mode of nothing": {[]string{testHeader, `{"path":"/a","type":"attributes","mode":"0755"}`}, []string{"//:image", "nothing declares"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readLines(t, test.lines...)
			for _, want := range test.want {
				expect(t, err, want)
			}
		})
	}
	_, err := Read(filepath.Join(t.TempDir(), "missing"))
	expect(t, err, "read spec")
}

func TestParents(t *testing.T) {
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

		"below a file":    {[]*Entry{file("/a"), file("/a/b")}, nil, `is below "/a", which is a file (from b)`},
		"below a symlink": {[]*Entry{link("/a"), file("/a/b/c")}, nil, `below "/a", which is a symlink (from c)`},
	} {
		t.Run(name, func(t *testing.T) {
			all, err := withParents(test.entries)
			var got []string
			for _, e := range all {
				got = append(got, e.Path+" "+e.Mode)
			}
			expect(t, err, test.want)
			if test.want == "" && !slices.Equal(got, test.paths) {
				t.Errorf("got %v, want %v", got, test.paths)
			}
		})
	}
}
