package inventory

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/spec"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func metadata(t *testing.T, url string) string {
	return write(t, "metadata.json", `{"purl": "`+url+`"}`)
}

const sum = "h1:LAEzFkke61DFROc7zNLX/WA2i5J8gYqe0rSj9KI28KA="

const encodedSum = "h1:LAEzFkke61DFROc7zNLX%2FWA2i5J8gYqe0rSj9KI28KA%3D"

func TestReadTargets(t *testing.T) {
	file := write(t, "targets", `{"program": "bin/a", "label": "//a"}
{"package": "example.org/a", "label": "//a"}
{"package": "example.org/b", "label": "@@b//:b", "metadata": "`+metadata(t, "pkg:golang/example.org/b@v1.0.0?checksum="+encodedSum)+`"}
{"program": "bin/c", "label": "//c"}
`)
	got, err := readTargets(file)
	want := map[string]*target{
		"bin/a": {label: "//a", packages: []goPackage{
			{path: "example.org/a", label: "//a"},
			{path: "example.org/b", label: "@@b//:b", url: "pkg:golang/example.org/b@v1.0.0?checksum=" + encodedSum},
		}},
		"bin/c": {label: "//c"},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	for name, test := range map[string]struct{ line, want string }{
		"no metadata":    {`{"package": "b", "label": "@@b//:b", "metadata": "/nonexistent"}`, "@@b//:b: read package metadata"},
		"other metadata": {`{"package": "b", "label": "@@b//:b", "metadata": "` + write(t, "x", "purl") + `"}`, "@@b//:b: package metadata"},
		"unknown field":  {`{"importpath": "b"}`, "line 1: "},
	} {
		if _, err := readTargets(write(t, "targets", test.line)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
}

func TestComponentOfURL(t *testing.T) {
	for url, want := range map[string]Component{
		"pkg:golang/example.org/b@v1.0.0?checksum=" + encodedSum: {Name: "example.org/b", Version: "v1.0.0", Sum: sum, URL: "pkg:golang/example.org/b@v1.0.0"},
		"pkg:golang/example.org/b":                               {Name: "example.org/b", URL: "pkg:golang/example.org/b"},
		"pkg:golang/example.org/b@v2.0.0%2Bincompatible":         {Name: "example.org/b", Version: "v2.0.0+incompatible", URL: "pkg:golang/example.org/b@v2.0.0%2Bincompatible"},
		"pkg:bazel/rules_go@0.65.0":                              {Name: "rules_go", Version: "0.65.0", URL: "pkg:bazel/rules_go@0.65.0"},
	} {
		if got, err := component(url); err != nil || got != want {
			t.Errorf("%s: got %+v, %v", url, got, err)
		}
	}
	for _, url := range []string{"", "golang/example.org/b", "https://example.org/b", "pkg:golang", "pkg:golang/%zz"} {
		if got, err := component(url); err == nil {
			t.Errorf("%q: got %+v", url, got)
		}
	}
}

// A program and its target that agree, and each way in which they differ.
func TestCompare(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.7 X:nodwarf5", Path: "example.org/a",
		Main: debug.Module{Path: "example.org", Version: "v0.1.0"},
		Deps: []*debug.Module{{Path: "example.org/b", Version: "v1.0.0", Sum: sum}}}
	own := goPackage{path: "example.org/a", label: "//a:a"}
	b := goPackage{path: "example.org/b", label: "@@b//:b", url: "pkg:golang/example.org/b@1.0.0?checksum=" + encodedSum}
	for name, test := range map[string]struct {
		packages []goPackage
		findings string
		err      string
		known    bool
		also     Component
	}{
		"agree":           {packages: []goPackage{own, b}, known: true},
		"a package twice": {packages: []goPackage{own, b, b}, known: true},
		"main module":     {packages: []goPackage{{path: "example.org/a", label: "//a:a", url: "pkg:golang/example.org@v0.1.0"}, b}, known: true},
		"other kind": {packages: []goPackage{own, b, {path: "c", label: "@@c//:c", url: "pkg:bazel/c@1"}}, known: true,
			also: Component{Name: "c", Version: "1", URL: "pkg:bazel/c@1"}},
		"not linked": {packages: []goPackage{own, b, {path: "c", label: "@@c//:c", url: "pkg:golang/c@v1.0.0"}}, known: true,
			findings: "module-not-linked: @@c//:c belongs to the module c v1.0.0, but the program contains nothing of it"},
		"other version": {packages: []goPackage{own, {path: "example.org/b", label: "@@b//:b", url: "pkg:golang/example.org/b@v1.0.1"}},
			err: "the program has the module example.org/b v1.0.0, and none of //a:a's packages belongs to it"},
		"other sum": {packages: []goPackage{own, {path: "example.org/b", label: "@@b//:b", url: "pkg:golang/example.org/b@v1.0.0?checksum=h1:AAAA"}},
			err: "the program has the module example.org/b v1.0.0 with the sum " + sum + ", and @@b//:b with h1:AAAA"},
		"unknown module": {packages: []goPackage{own, b, {path: "c/d", label: "@@c//d"}, {path: "c/e", label: "@@c//e"}},
			findings: "module-unknown: @@c//d is linked as the package c/d, and its repository has no package_metadata",
			also:     Component{Name: "c/e"}},
		"no URL": {packages: []goPackage{own, b, {path: "c", label: "@@c//:c", url: "c@1"}}, err: `@@c//:c: "c@1" is not a package URL`},
	} {
		t.Run(name, func(t *testing.T) {
			p := new(Program)
			err := p.readGo(info, &target{label: "//a:a", packages: test.packages})
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("got %v, want %s", err, test.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var findings []string
			for _, f := range p.Findings {
				findings = append(findings, f.ID+": "+f.Text)
			}
			if got := strings.Join(findings, "\n"); !strings.HasPrefix(got, test.findings) || len(findings) > 1 || (got == "") != (test.findings == "") {
				t.Errorf("got %q, want %q", got, test.findings)
			}
			if p.Known != test.known {
				t.Errorf("known is %v", p.Known)
			}
			want := []Component{
				{Name: "stdlib", Version: "1.26.7", URL: "pkg:golang/stdlib@1.26.7", License: goLicense},
				{Name: "example.org", Version: "v0.1.0", URL: "pkg:golang/example.org@v0.1.0"},
				{Name: "example.org/b", Version: "v1.0.0", Sum: sum, URL: "pkg:golang/example.org/b@v1.0.0"},
			}
			if test.also != (Component{}) {
				want = append(want, test.also)
			}
			for _, c := range want {
				if !contains(p.Components, c) {
					t.Errorf("%+v is missing in %+v", c, p.Components)
				}
			}
		})
	}
}

func contains(all []Component, c Component) bool {
	for _, other := range all {
		if other == c {
			return true
		}
	}
	return false
}

// A replaced module is named by what is in the program.
func TestReplacedModules(t *testing.T) {
	for name, test := range map[string]struct {
		replace *debug.Module
		want    Component
	}{
		"module":    {&debug.Module{Path: "example.org/fork", Version: "v1.0.1", Sum: sum}, Component{Name: "example.org/fork", Version: "v1.0.1", Sum: sum, URL: "pkg:golang/example.org/fork@v1.0.1", Replaces: "example.org/b v1.0.0"}},
		"directory": {&debug.Module{Path: "../b"}, Component{Name: "example.org/b", URL: "pkg:golang/example.org/b", Replaces: "example.org/b v1.0.0"}},
	} {
		if got := goModule(&debug.Module{Path: "example.org/b", Version: "v1.0.0", Replace: test.replace}); got != test.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestLicense(t *testing.T) {
	inv := &Inventory{Components: []Component{{Name: "example.org/b"}, {Name: "example.org/c"}}}
	if err := inv.License(map[string]string{"example.org/b": "MIT"}); err != nil || inv.Components[0].License != "MIT" || inv.Components[1].License != "" {
		t.Errorf("got %v, %+v", err, inv.Components)
	}
	err := inv.License(map[string]string{"example.org/gone": "MIT"})
	if err == nil || !strings.Contains(err.Error(), `contains the module "example.org/gone"; remove it, or write one of example.org/b, example.org/c`) {
		t.Errorf("got %v", err)
	}
}

// An inventory of files, a Go program and an ELF file of unknown origin, which comes back from
// its file as it was.
func TestRead(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := write(t, "other", elfFile(note("GNU", buildID, "\xab\xcd")))
	unit, dropin := write(t, "a.service", "[Service]\n"), write(t, "a.conf", "[Service]\nNice=5\n")
	manifest := write(t, "manifest", "# path\ttype\tmode\towner\tsize\tcontent\torigin\n"+
		"/a.service\tfile\t0644\t0:0\t1\tcombined\tunits in //:image\n"+
		"/etc\tdirectory\t0755\t0:0\t-\t-\tadded: parent directory\n"+
		"/etc/empty\tfile\t0644\t0:0\t0\tempty\tempty_files in //:image\n"+
		"/go\tfile\t0755\t0:0\t2\tgo\tbinaries in //:image\n"+
		"/link\tsymlink\t-\t0:0\t-\tgo\tsymlinks in //:image\n"+
		"/other\tfile\t0755\t0:0\t3\tother\tbinaries in //:image\n")
	s := &spec.Spec{Header: spec.Header{Label: "//:image", Name: "a", Version: "1", Architecture: "x86-64"}, Entries: []*spec.Entry{
		{Path: "/a.service", Type: spec.File, Source: unit, Dropins: []string{dropin}},
		{Path: "/etc", Type: spec.Directory},
		{Path: "/etc/empty", Type: spec.File},
		{Path: "/go", Type: spec.File, Source: self},
		{Path: "/link", Type: spec.Symlink, Target: "go"},
		{Path: "/other", Type: spec.File, Source: other},
	}}
	inv, err := Read(s, manifest, "")
	if err != nil {
		t.Fatal(err)
	}
	if len(inv.Files) != 4 || inv.Files[0] != (File{"/a.service", "combined", "units in //:image"}) {
		t.Errorf("files: %+v", inv.Files)
	}
	digests := map[string]string{}
	for _, input := range inv.Inputs {
		digests[input.Path] = input.SHA256
	}
	want := map[string]string{self: "go", other: "other"}
	for _, name := range []string{unit, dropin} {
		if want[name], err = sha256sum.OfFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if !reflect.DeepEqual(digests, want) {
		t.Errorf("inputs: %v, want %v", digests, want)
	}
	if len(inv.Programs) != 2 || !inv.Programs[0].Known || inv.Programs[0].GoVersion == "" ||
		inv.Programs[1].Known || inv.Programs[1].BuildID != "abcd" || len(inv.Programs[1].Components) != 0 {
		t.Errorf("programs: %+v", inv.Programs)
	}
	if len(inv.Components) < 2 || !reflect.DeepEqual(inv.Components, inv.Programs[0].Components) {
		t.Errorf("components: %+v", inv.Components)
	}

	file := filepath.Join(t.TempDir(), "inventory.json")
	if err := inv.Write(file); err != nil {
		t.Fatal(err)
	}
	if loaded, err := Load(file); err != nil || !reflect.DeepEqual(loaded, inv) {
		t.Errorf("loaded %+v, %v\nwant %+v", loaded, err, inv)
	}
}

func TestWorkspacePath(t *testing.T) {
	for path, want := range map[string]string{
		"units/a.service": "units/a.service",
		"bazel-out/k8-opt-ST-1234/bin/image/os-release": "bazel-bin/image/os-release",
		"bazel-out/cfg/bin/external/b/b":                "bazel-bin/external/b/b",
		"external/b/b":                                  "external/b/b",
	} {
		if got := workspacePath(path); got != want {
			t.Errorf("%s: got %s", path, got)
		}
	}
}

func TestManifestOfAnotherVersion(t *testing.T) {
	if _, err := readManifest(write(t, "manifest", "# path\ttype\n")); err == nil || !strings.Contains(err.Error(), "line 1 has 2 columns") {
		t.Errorf("got %v", err)
	}
}
