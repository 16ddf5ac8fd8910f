package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/sbom/inventory"
)

// schema is CycloneDX's own, for JSON documents of version 1.6.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	path := runfile.Of(t, "SCHEMA")
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	// It names others by where they are published; they lie beside it.
	compiler.UseLoader(beside(filepath.Dir(path)))
	compiled, err := compiler.Compile("http://cyclonedx.org/schema/" + filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// beside loads the schemas that lie in a directory.
type beside string

func (directory beside) Load(url string) (any, error) {
	name := filepath.Base(url)
	if name == "jsf-0.82.schema.json" {
		// As the library has it, whose own tests leave signatures out.
		name = "jsf-0.82.schemax.json"
	}
	file, err := os.Open(filepath.Join(string(directory), name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return jsonschema.UnmarshalJSON(file)
}

func validate(t *testing.T, schema *jsonschema.Schema, document []byte) error {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value)
}

// everything returns an inventory with everything that a document can contain.
func everything() *inventory.Inventory {
	module := inventory.Component{Name: "example.org/b", Version: "v1.0.0", Sum: "h1:LAEzFkke61DFROc7zNLX/WA2i5J8gYqe0rSj9KI28KA=", URL: "pkg:golang/example.org/b@v1.0.0", License: "MIT OR Apache-2.0", Replaces: "example.org/a v0.9.0"}
	unknown := inventory.Component{Name: "example.org/c"}
	tool := inventory.Component{Name: "toolchain", Version: "1.26.7", URL: "pkg:golang/toolchain@1.26.7", Tool: true}
	return &inventory.Inventory{
		Label: "//:image", Name: "hello", Version: "1.0", Architecture: "x86-64",
		Files: []inventory.File{
			{Path: "/etc/größe", SHA256: strings.Repeat("0", 64), Origin: "files in //:image"},
			{Path: "/usr/bin/elf", SHA256: strings.Repeat("1", 64), Origin: "binaries in //:image"},
			{Path: "/usr/bin/hello", SHA256: strings.Repeat("2", 64), Origin: "binary in //:image"},
			{Path: "/usr/bin/incomplete", SHA256: strings.Repeat("3", 64), Origin: "binaries in //:image"},
		},
		Programs: []inventory.Program{
			{Path: "/usr/bin/elf", BuildID: "abcd"},
			{Path: "/usr/bin/hello", Known: true, GoVersion: "go1.26.7", Static: true, Components: []inventory.Component{module, tool}},
			{Path: "/usr/bin/incomplete", GoVersion: "go1.26.7", Components: []inventory.Component{unknown, tool}, Findings: []inventory.Finding{{ID: "module-unknown", Text: "why"}}},
		},
		Components: []inventory.Component{module, unknown, tool},
	}
}

func document(t *testing.T, b *bill) []byte {
	t.Helper()
	var text bytes.Buffer
	if err := b.encode(&text); err != nil {
		t.Fatal(err)
	}
	return text.Bytes()
}

// Documents of everything and of nothing follow the schema; the negative controls do not.
func TestDocumentsFollowTheSchema(t *testing.T) {
	s := schema(t)
	full := document(t, &bill{Inventory: everything(), digest: strings.Repeat("a", 64)})
	for name, text := range map[string][]byte{
		"everything": full,
		"nothing":    document(t, &bill{Inventory: &inventory.Inventory{Label: "//:image", Name: "hello"}}),
	} {
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
	}
	for name, change := range map[string][2]string{
		"digest":  {strings.Repeat("a", 64), "sha256"},
		"type":    {`"type": "container"`, `"type": "image"`},
		"serial":  {`"urn:uuid:`, `"uuid:`},
		"field":   {`"components"`, `"parts"`},
		"unknown": {`"aggregate": "unknown"`, `"aggregate": "whatever"`},
		"version": {`"version": 1`, `"version": 0`},
	} {
		changed := bytes.ReplaceAll(full, []byte(change[0]), []byte(change[1]))
		if bytes.Equal(changed, full) {
			t.Errorf("%s: the document has no %s", name, change[0])
		}
		if err := validate(t, s, changed); err == nil {
			t.Errorf("%s: the schema allows %s", name, change[1])
		}
	}
}

// The same inventory gives the same bytes, and another gives another serial number.
func TestDocumentsAreReproducible(t *testing.T) {
	first := document(t, &bill{Inventory: everything()})
	if again := document(t, &bill{Inventory: everything()}); !bytes.Equal(first, again) {
		t.Error("two documents of one inventory differ")
	}
	if bytes.Contains(first, []byte("timestamp")) {
		t.Error("the document has a time")
	}
	other := everything()
	other.Files[0].SHA256 = strings.Repeat("f", 64)
	if serial(t, first) == serial(t, document(t, &bill{Inventory: other})) {
		t.Error("different documents have one serial number")
	}
}

func serial(t *testing.T, document []byte) string {
	t.Helper()
	return decode(t, document).SerialNumber
}

func decode(t *testing.T, document []byte) *cyclonedx.BOM {
	t.Helper()
	bom := new(cyclonedx.BOM)
	if err := cyclonedx.NewBOMDecoder(bytes.NewReader(document), cyclonedx.BOMFileFormatJSON).Decode(bom); err != nil {
		t.Fatal(err)
	}
	return bom
}

// Each reference names a component, and no two components have one reference.
func TestReferences(t *testing.T) {
	checkReferences(t, decode(t, document(t, &bill{Inventory: everything()})))
}

func checkReferences(t *testing.T, bom *cyclonedx.BOM) {
	t.Helper()
	known := map[string]bool{bom.Metadata.Component.BOMRef: true}
	for _, c := range *bom.Components {
		if known[c.BOMRef] {
			t.Errorf("%s is there twice", c.BOMRef)
		}
		known[c.BOMRef] = true
	}
	var used []string
	for _, d := range *bom.Dependencies {
		used = append(used, d.Ref)
		if d.Dependencies != nil {
			used = append(used, *d.Dependencies...)
		}
	}
	for _, c := range *bom.Compositions {
		for _, list := range []*[]cyclonedx.BOMReference{c.Assemblies, c.Dependencies} {
			if list != nil {
				for _, ref := range *list {
					used = append(used, string(ref))
				}
			}
		}
	}
	for _, ref := range used {
		if !known[ref] {
			t.Errorf("%s is no component", ref)
		}
	}
}

// A document states which lists are complete, incomplete and unknown.
func TestCompositions(t *testing.T) {
	got, err := json.Marshal(decode(t, document(t, &bill{Inventory: everything()})).Compositions)
	want := `[{"aggregate":"complete","assemblies":["image"]},{"aggregate":"complete","dependencies":["file:/usr/bin/hello"]},` +
		`{"aggregate":"incomplete","dependencies":["file:/usr/bin/incomplete"]},{"aggregate":"unknown","dependencies":["file:/usr/bin/elf"]}]`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v", got, err)
	}
}
