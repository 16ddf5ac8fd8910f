package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/dsse"
	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/sbom/inventory"
	"example.org/portable-walkthrough-go/tools/sha256sum"
)

func TestStatement(t *testing.T) {
	inv := &inventory.Inventory{
		Label: "//:image", Name: "hello", Architecture: "x86-64", Parameters: map[string]string{"compression": "zstd"},
		Inputs: []inventory.Input{{Path: "units/a.service", SHA256: "abcd"}},
		Components: []inventory.Component{
			{Name: "example.org/b", Version: "v1.0.0", Sum: "h1:Khu2En+0gcYPZ2kuIihfswbzxv/mIHXgzPZ018Oty48=", URL: "pkg:golang/example.org/b@v1.0.0"},
			{Name: "example.org/unknown"},
			{Name: "squashfs-tools", Version: "4.7.5", URL: "pkg:generic/squashfs-tools@4.7.5", Tool: true},
		},
	}
	got, err := json.Marshal(newStatement(inv, "hello.raw", "1234"))
	if err != nil {
		t.Fatal(err)
	}
	// The digest of the module is the example of in-toto's specification (digest_set.md).
	want := `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"hello.raw","digest":{"sha256":"1234"}}],` +
		`"predicateType":"https://slsa.dev/provenance/v1","predicate":{"buildDefinition":{` +
		`"buildType":"https://example.org/portable-walkthrough-go/portable_image/v1",` +
		`"externalParameters":{"architecture":"x86-64","compression":"zstd","target":"//:image"},` +
		`"resolvedDependencies":[{"name":"units/a.service","digest":{"sha256":"abcd"}},` +
		`{"name":"example.org/b","uri":"pkg:golang/example.org/b@v1.0.0","digest":{"dirHash":"2a1bb6127fb481c60f67692e22285fb306f3c6ffe62075e0ccf674d7c3adcb8f"}},` +
		`{"name":"squashfs-tools","uri":"pkg:generic/squashfs-tools@4.7.5"}]},` +
		`"runDetails":{"builder":{"id":"https://example.org/portable-walkthrough-go/any-builder/v1"}}}}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The statement of the image that is shipped: its subject and its inputs have the digests that
// the files have, and mksquashfs has a version.
func TestShipped(t *testing.T) {
	text, err := os.ReadFile(runfile.Of(t, "PROVENANCE"))
	if err != nil {
		t.Fatal(err)
	}
	var s dsse.Statement[provenance]
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&s); err != nil {
		t.Fatal(err)
	}
	digests, uris := map[string]string{}, ""
	for _, r := range append(s.Subject, s.Predicate.BuildDefinition.ResolvedDependencies...) {
		digests[r.Name] = r.Digest["sha256"]
		uris += r.URI + "\n"
	}
	for name, variable := range map[string]string{
		"portable-walkthrough-go.raw":        "IMAGE",
		"bazel-bin/service/service_/service": "SERVICE",
	} {
		if want, err := sha256sum.OfFile(runfile.Of(t, variable)); err != nil || digests[name] != want {
			t.Errorf("%s has the digest %q, want %s, %v", name, digests[name], want, err)
		}
	}
	for _, want := range []string{"pkg:generic/squashfs-tools@4.", "pkg:golang/stdlib@1.", "pkg:golang/golang.org/x/sys@v0."} {
		if !strings.Contains(uris, want) {
			t.Errorf("%s… is missing in\n%s", want, uris)
		}
	}
}
