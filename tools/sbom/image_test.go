package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/squashfs"
)

// content reads the file that a variable names, see package runfile.
func content(t *testing.T, variable string) []byte {
	t.Helper()
	text, err := os.ReadFile(runfile.Of(t, variable))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The documents of the image that is shipped, and of one that has something of everything.
func TestImages(t *testing.T) {
	s := schema(t)
	for _, name := range []string{"SHIPPED", "SUBJECT"} {
		text := content(t, name+"_SBOM")
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		bom := decode(t, text)
		checkReferences(t, bom)
		digest, err := sha256sum.OfFile(runfile.Of(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if hashes := bom.Metadata.Component.Hashes; hashes == nil || (*hashes)[0].Value != digest {
			t.Errorf("%s: the image's digest is %v, want %s", name, hashes, digest)
		}
	}
}

// The document that is part of an image lists all other files, and has no digest of the image.
func TestEmbedded(t *testing.T) {
	const name = "/usr/share/sbom/subject_1.2~rc3.cdx.json"
	text, err := os.ReadFile(filepath.Join(squashfs.Unpack(t, runfile.Of(t, "SUBJECT")), name))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate(t, schema(t), text); err != nil {
		t.Error(err)
	}
	embedded, beside := decode(t, text), decode(t, content(t, "SUBJECT_SBOM"))
	checkReferences(t, embedded)
	if hashes := embedded.Metadata.Component.Hashes; hashes != nil {
		t.Errorf("the image's digest is %v", *hashes)
	}
	want := slices.DeleteFunc(slices.Clone(*beside.Components), func(c cyclonedx.Component) bool { return c.Name == name })
	if len(want) != len(*beside.Components)-1 || !reflect.DeepEqual(*embedded.Components, want) {
		t.Errorf("the embedded document has %d components, the one beside the image %d", len(*embedded.Components), len(*beside.Components))
	}
}

// The document lists each file of the manifest, and nothing else as a file.
func TestFilesAreTheManifests(t *testing.T) {
	for _, name := range []string{"SHIPPED", "SUBJECT"} {
		var got, want []string
		for _, c := range *decode(t, content(t, name+"_SBOM")).Components {
			if c.Type == cyclonedx.ComponentTypeFile {
				got = append(got, c.Name+" "+(*c.Hashes)[0].Value+" "+property(c, propertyOrigin))
			}
		}
		for line := range strings.Lines(string(content(t, name+"_MANIFEST"))) {
			if fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t"); fields[1] == "file" {
				want = append(want, fields[0]+" "+fields[5]+" "+fields[6])
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: the document has\n%s\nthe manifest\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func property(c cyclonedx.Component, name string) string {
	if c.Properties != nil {
		for _, p := range *c.Properties {
			if p.Name == name {
				return p.Value
			}
		}
	}
	return ""
}

// modulesOf are the Go modules of a program of the document, "PATH VERSION SUM".
func modulesOf(t *testing.T, bom *cyclonedx.BOM, program string) []string {
	t.Helper()
	components := map[string]cyclonedx.Component{}
	for _, c := range *bom.Components {
		components[c.BOMRef] = c
	}
	var modules []string
	for _, d := range *bom.Dependencies {
		if d.Ref != fileRef(program) {
			continue
		}
		for _, ref := range *d.Dependencies {
			if c := components[ref]; c.Scope != cyclonedx.ScopeExcluded && strings.HasPrefix(c.PackageURL, "pkg:golang/") {
				modules = append(modules, c.Name+" "+c.Version+" "+property(c, propertyGoSum))
			}
		}
	}
	slices.Sort(modules)
	return modules
}

const shippedProgram = "/usr/bin/portable-walkthrough-go"

// The modules are those that go version -m prints, which reads the same as package buildinfo.
func TestModulesAreThoseOfGoVersion(t *testing.T) {
	info, err := buildinfo.ReadFile(runfile.Of(t, "SERVICE"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		info.Main.Path + " " + info.Main.Version + " ",
		"stdlib " + strings.TrimPrefix(info.GoVersion, "go") + " ",
	}
	for _, m := range info.Deps {
		want = append(want, m.Path+" "+m.Version+" "+m.Sum)
	}
	slices.Sort(want)
	if got := modulesOf(t, decode(t, content(t, "SHIPPED_SBOM")), shippedProgram); len(got) < 3 || !slices.Equal(got, want) {
		t.Errorf("the document has\n%s\nthe program\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// govulncheck reads the shipped program and sees the same modules. Its database is one without
// entries: the real one is on the network.
func TestModulesAreThoseOfGovulncheck(t *testing.T) {
	database := t.TempDir()
	for name, text := range map[string]string{"db.json": `{"modified": "2026-01-01T00:00:00Z"}`, "modules.json": "[]", "vulns.json": "[]"} {
		if err := os.MkdirAll(filepath.Join(database, "index"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(database, "index", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), runfile.Of(t, "GOVULNCHECK"), "-mode=binary", "-format=json", "-db=file://"+database, runfile.Of(t, "SERVICE"))
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=/nowhere"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, &stderr)
	}
	var got []string
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var message struct {
			SBOM *struct {
				Modules []struct{ Path, Version string }
			}
		}
		if err := decoder.Decode(&message); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if message.SBOM != nil {
			for _, m := range message.SBOM.Modules {
				got = append(got, m.Path+" "+strings.TrimLeft(m.Version, "gov"))
			}
		}
	}
	var want []string
	for _, m := range modulesOf(t, decode(t, content(t, "SHIPPED_SBOM")), shippedProgram) {
		fields := strings.Split(m, " ")
		want = append(want, fields[0]+" "+strings.TrimPrefix(fields[1], "v"))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("govulncheck sees\n%s\nthe document has\n%s\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"), out)
	}
}

// All that is packed has a license, so that a new dependency of the service gets one.
func TestLicensesOfWhatIsShipped(t *testing.T) {
	for _, c := range *decode(t, content(t, "SHIPPED_SBOM")).Components {
		if c.Type == cyclonedx.ComponentTypeLibrary && c.Licenses == nil {
			t.Errorf("%s has no license; add it to sbom_licenses of //:image", c.Name)
		}
	}
}
