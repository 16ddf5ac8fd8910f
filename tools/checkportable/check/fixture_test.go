package check

import (
	"debug/elf"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"example.org/portable-walkthrough-go/tools/spec"
)

// A fixture is an image that is good but for what a file in testdata changes: a
// txtar archive, whose files are "units/NAME", "os-release" and "root/PATH". In the
// words before them, each line that starts with one of these is for the test:
//
//	want PLACE: TEXT    the check finds this, at FILE:LINE, FILE or a label; a severity
//	                    before TEXT is a milder one than the check's own
//	fix TEXT            what it says to do about the finding before
//	header JSON         changes to the spec's header
//	options JSON        the target's options
//	entry JSON          a further entry of the spec, or another one for its path
//	remove PATH         an entry less
//	elf PATH KEY=VALUE  a program or library: machine, interp, needed, rpath, runpath, imports, text, mode
type fixture struct {
	header  spec.Header
	options Options
	entries map[string]spec.Entry
	// wants are the expected findings, in the form of asWanted.
	wants []string
}

const unitDir = "/usr/lib/systemd/system"

// goodFile is what every fixture starts from.
const goodFile = "testdata/base.txtar"

// readFixture lays the fixture's files into a directory, where the test goes on.
func readFixture(t *testing.T, name string) *fixture {
	t.Helper()
	f := &fixture{
		header: spec.Header{
			Label: "//:image", Name: "foo", Prefixes: []string{"foo"}, Architecture: "x86-64", UnitDir: unitDir,
		},
		entries: map[string]spec.Entry{},
	}
	var archives []*txtar.Archive
	for _, name := range []string{goodFile, name} {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		archives = append(archives, archive)
	}
	t.Chdir(t.TempDir())
	for _, archive := range archives {
		for _, file := range archive.Files {
			f.file(t, file)
		}
		for line := range strings.Lines(string(archive.Comment)) {
			f.line(t, strings.TrimSpace(line))
		}
	}
	return f
}

func (f *fixture) file(t *testing.T, file txtar.File) {
	t.Helper()
	e := spec.Entry{Type: spec.File, Mode: "0644", Source: file.Name, Origin: "files in //:image"}
	switch top, rest, _ := strings.Cut(file.Name, "/"); top {
	case "units":
		e.Path, e.Origin = path.Join(unitDir, rest), "units in //:image"
	case "os-release":
		e.Path, e.Origin = "/usr/lib/os-release", "os_release in //:image"
	case "root":
		e.Path = "/" + rest
	default:
		t.Fatalf("no place for the file %q", file.Name)
	}
	write(t, file.Name, file.Data)
	f.entries[e.Path] = e
}

func (f *fixture) line(t *testing.T, line string) {
	t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	var err error
	switch word {
	case "want":
		f.wants = append(f.wants, line)
	case "fix":
		f.wants[len(f.wants)-1] += "\n" + line
	case "header":
		err = json.Unmarshal([]byte(rest), &f.header)
	case "options":
		err = json.Unmarshal([]byte(rest), &f.options)
	case "remove":
		delete(f.entries, rest)
	case "entry":
		var e spec.Entry
		err = json.Unmarshal([]byte(rest), &e)
		f.entries[e.Path] = e
	case "elf":
		f.elf(t, strings.Fields(rest))
	}
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
}

func (f *fixture) elf(t *testing.T, fields []string) {
	t.Helper()
	file, mode := elfFile{machine: elf.EM_X86_64}, "0755"
	for _, field := range fields[1:] {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "machine":
			file.machine = architectures[value].machine
		case "interp":
			file.interp = value
		case "needed":
			file.needed = strings.Split(value, ",")
		case "runpath":
			file.runpath = value
		case "rpath":
			file.rpath = value
		case "imports":
			file.imports = strings.Split(value, ",")
		case "text":
			file.text = value + "=1"
		case "mode":
			mode = value
		default:
			t.Fatalf("elf has no %q", key)
		}
	}
	source := "bin" + fields[0]
	write(t, source, file.bytes(t))
	f.entries[fields[0]] = spec.Entry{Path: fields[0], Type: spec.File, Mode: mode, Source: source, Origin: "binary in //:image"}
}

// open writes the spec and opens it as the tool would.
func (f *fixture) open(t *testing.T) *Image {
	t.Helper()
	file, err := os.Create("spec.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := json.NewEncoder(file)
	if err := lines.Encode(f.header); err != nil {
		t.Fatal(err)
	}
	for _, e := range f.entries {
		if err := lines.Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	img, err := Open("spec.jsonl", f.options)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func write(t *testing.T, name string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// asWanted is how a fixture writes a finding. It names the severity where that is not the
// check's own, which must be one of its milder ones.
func asWanted(t *testing.T, f Finding) string {
	t.Helper()
	at := slices.IndexFunc(All, func(c Check) bool { return c.ID == f.ID })
	if at < 0 {
		t.Fatalf("no check %q", f.ID)
	}
	text := f.Text
	if f.Severity != All[at].Severity {
		text = string(f.Severity) + ": " + text
		if !slices.Contains(All[at].Milder, f.Severity) {
			t.Errorf("%s is none of a check with %v", text, All[at].Milder)
		}
	}
	return fmt.Sprintf("want %s: %s\nfix %s", f.Where(), text, f.Fix)
}

// places are where findings are wanted.
func (f *fixture) places() (places []string) {
	for _, want := range f.wants {
		place, _, _ := strings.Cut(strings.TrimPrefix(want, "want "), ": ")
		places = append(places, place)
	}
	return places
}

// rewrite writes the findings into a fixture as the expected ones.
func rewrite(t *testing.T, name string, found []string) {
	t.Helper()
	name = filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "tools/checkportable/check", name)
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var comment strings.Builder
	for line := range strings.Lines(string(archive.Comment)) {
		if word, _, _ := strings.Cut(line, " "); word != "want" && word != "fix" {
			comment.WriteString(line)
		}
	}
	for _, finding := range found {
		comment.WriteString(finding + "\n")
	}
	archive.Comment = []byte(comment.String())
	if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Each check finds its mistake in the bad image and nothing else there, with the text and the
// fix that the fixture lists. It finds nothing in the good image beside it, in which no other
// check finds an error either.
func TestFixtures(t *testing.T) {
	names, err := filepath.Glob("testdata/*.*.*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	seen := map[string]map[string]bool{"good": {}, "bad": {}}
	for _, name := range names {
		id, rest, _ := strings.Cut(filepath.Base(name), ".")
		kind := strings.TrimPrefix(filepath.Ext(strings.TrimSuffix(rest, ".txtar")), ".")
		if seen[kind] == nil {
			t.Errorf("%s is neither good nor bad", name)
			continue
		}
		seen[kind][id] = true
		t.Run(filepath.Base(name), func(t *testing.T) {
			f := readFixture(t, name)
			img := f.open(t)
			var got, others []string
			for _, finding := range Run(img).Findings {
				switch {
				case finding.ID == id:
					got = append(got, asWanted(t, finding))
					if finding.Text == "" || finding.Why == "" || finding.Fix == "" {
						t.Errorf("a person is left alone with %+v", finding)
					}
				case finding.Severity == Error:
					others = append(others, finding.Where()+" "+finding.ID)
				}
			}
			if *update && kind == "bad" {
				rewrite(t, name, got)
				return
			}
			if !slices.Equal(got, f.wants) || (kind == "bad") != (len(got) > 0) {
				t.Errorf("%s: got\n%s\nwant\n%s\n%s", id, strings.Join(got, "\n"), strings.Join(f.wants, "\n"), flag.Lookup("update").Usage)
			}
			if kind == "good" && len(others) > 0 {
				t.Errorf("the good image has other errors: %q", others)
			}
		})
	}
	for _, c := range All {
		for kind := range seen {
			if !seen[kind][c.ID] {
				t.Errorf("check %s has no %s fixture", c.ID, kind)
			}
		}
	}
}
