package check

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/spec"
)

// ofUnits are the checks that judge unit files by themselves, without what else is in an
// image, and without its name and profile: packages have none.
var ofUnits = slices.Concat(syntaxChecks, directiveChecks, valueChecks, socketChecks, serviceChecks, triggerChecks, execChecks, lifecycleChecks, referenceChecks)

// ofPrograms are those among them that ask for the programs after all.
var ofPrograms = []string{"exec-missing", "exec-missing-ignored", "exec-not-executable"}

// testdata/debian.golden has the findings for the unit files of many Debian packages, which many
// people wrote and many hosts use. A person has reviewed each line, and each is true.
func TestDebianUnits(t *testing.T) {
	archive := os.Getenv("DEBIAN_UNITS")
	if archive == "" {
		t.Skip("$DEBIAN_UNITS names no archive: Bazel's target for this test does, where there is a mirror of Debian")
	}
	if !filepath.IsAbs(archive) {
		var err error
		if archive, err = runfiles.Rlocation(archive); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile("testdata/debian.golden")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{
		header:  spec.Header{Label: "//:debian", Name: "debian", Prefixes: []string{"debian"}, Architecture: "x86-64", UnitDir: unitDir},
		entries: map[string]spec.Entry{},
	}
	file, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	t.Chdir(t.TempDir())
	f.units(t, file)
	if len(f.entries) < 150 {
		t.Errorf("%s has only %d unit files", archive, len(f.entries))
	}
	var got strings.Builder
	for _, found := range Run(f.open(t)).Findings {
		if slices.ContainsFunc(ofUnits, func(c Check) bool { return c.ID == found.ID }) && !slices.Contains(ofPrograms, found.ID) {
			fmt.Fprintf(&got, "%s: %s: %s [%s]\n", found.Where(), found.Severity, found.Text, found.ID)
		}
	}
	if *update {
		name := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "tools/checkportable/check/testdata/debian.golden")
		if err := os.WriteFile(name, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := slices.Collect(strings.Lines(string(golden)))
	found := slices.Collect(strings.Lines(got.String()))
	for _, line := range found {
		if !slices.Contains(want, line) {
			t.Errorf("new, and nobody has read it: %s", line)
		}
	}
	for _, line := range want {
		if !slices.Contains(found, line) {
			t.Errorf("no longer found: %s", line)
		}
	}
}

// units takes the unit files and drop-ins of an archive.
func (f *fixture) units(t *testing.T, archive io.Reader) {
	t.Helper()
	for files := tar.NewReader(archive); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		name := path.Clean("/" + header.Name)
		dir, base := path.Split(name)
		if dir != unitDir+"/" || header.Typeflag != tar.TypeReg {
			continue
		}
		content, err := io.ReadAll(files)
		if err != nil {
			t.Fatal(err)
		}
		write(t, base, content)
		f.entries[name] = spec.Entry{Path: name, Type: spec.File, Mode: "0644", Source: base, Origin: "units in //:debian"}
	}
}
