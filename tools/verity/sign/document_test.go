package main

import (
	"os"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/dsse"
	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/verity/outputs"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

// The documents of a target's images are signed with the images' key, as DSSE, and verified
// with its certificate. One changed byte, another certificate and a missing file are errors.
func TestDocuments(t *testing.T) {
	p := newPlace(t)
	for name, text := range map[string]string{"one.cdx.json": `{"bomFormat": "CycloneDX"}`, "one.provenance.json": `{"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "https://slsa.dev/provenance/v1", "predicate": {"a": 1}}`} {
		must(t, os.WriteFile(p.path(name), []byte(text), 0o600))
	}
	t.Setenv(documentsVariable, `["`+p.path("one.cdx.json")+`", "`+p.path("one.provenance.json")+`"]`)
	for key, certificate := range map[string]string{"key.pem": "cert.pem", "other.key.pem": "other.pem"} {
		into := "signed-" + key
		said, err := p.run(t.Context(), "--key="+key, "--certificate="+certificate, "--into="+into)
		if err != nil || !strings.Contains(said, "one.cdx.dsse.json\n") {
			t.Fatalf("%s: %v: %s", key, err, said)
		}
		if got := p.files(t, into); got != "one.cdx.dsse.json one.provenance.dsse.json "+bothSigned {
			t.Errorf("%s: got %s", key, got)
		}
		said, err = p.run(t.Context(), "--verify", "--certificate="+certificate, "--into="+into)
		if err != nil || !strings.Contains(said, "one.provenance.dsse.json: good\n") {
			t.Errorf("%s: %v: %s", key, err, said)
		}
	}

	text, err := os.ReadFile(p.path("cert.pem"))
	must(t, err)
	certificate, err := pkcs7.ParseCertificate(text)
	must(t, err)
	name := p.path("signed-key.pem/one.provenance.dsse.json")
	envelope, err := os.ReadFile(name)
	must(t, err)
	signed, err := sha256sum.OfFile(p.path("signed-key.pem/one.raw"))
	must(t, err)
	unsigned, err := sha256sum.OfFile(p.path("unsigned/one.raw"))
	must(t, err)
	subjects := `"subject":[{"name":"one.raw","digest":{"sha256":"` + signed + `"}},{"name":"unsigned/one.raw","digest":{"sha256":"` + unsigned + `"}}]`
	for name, want := range map[string]string{
		"one.provenance.dsse.json": `{"_type":"https://in-toto.io/Statement/v1",` + subjects + `,"predicateType":"https://slsa.dev/provenance/v1","predicate":{"a":1}}`,
		"one.cdx.dsse.json":        `{"_type":"https://in-toto.io/Statement/v1",` + subjects + `,"predicateType":"https://cyclonedx.org/bom","predicate":{"bomFormat":"CycloneDX"}}`,
	} {
		envelope, err := os.ReadFile(p.path("signed-key.pem/" + name))
		must(t, err)
		if payload, err := dsse.Verify(certificate.PublicKey, dsse.InToto, envelope); err != nil || string(payload) != want {
			t.Errorf("%s: got %s, %v, want %s", name, payload, err, want)
		}
	}

	// Another image in the place of the one that was signed, with a good signature of its own.
	must(t, os.Rename(p.path("signed-key.pem/one.raw"), p.path("one.raw")))
	must(t, os.Link(p.path("signed-key.pem/two.raw"), p.path("signed-key.pem/one.raw")))
	if said, err := p.run(t.Context(), "--verify", "--certificate=cert.pem", "--into=signed-key.pem"); err == nil || strings.Count(said, "it describes another image") != 2 {
		t.Errorf("another image: %v: %s", err, said)
	}
	must(t, os.Rename(p.path("one.raw"), p.path("signed-key.pem/one.raw")))

	if said, err := p.run(t.Context(), "--verify", "--certificate=other.pem", "--into=signed-key.pem"); err == nil || !strings.Contains(said, "one.cdx.dsse.json: DSSE envelope has no valid signature by this key") {
		t.Errorf("another certificate: %v: %s", err, said)
	}
	must(t, os.WriteFile(name, []byte(strings.Replace(string(envelope), `"payload": "e`, `"payload": "f`, 1)), 0o600))
	if said, err := p.run(t.Context(), "--verify", "--certificate=cert.pem", "--into=signed-key.pem"); err == nil || !strings.Contains(said, "one.provenance.dsse.json: DSSE envelope has no valid signature") {
		t.Errorf("changed: %v: %s", err, said)
	}
	must(t, os.Remove(name))
	if said, err := p.run(t.Context(), "--verify", "--certificate=cert.pem", "--into=signed-key.pem"); err == nil || !strings.Contains(said, "no such file") {
		t.Errorf("missing: %v: %s", err, said)
	}
}

// A signature of something else is not written.
func TestDocumentsOfAWrongSigner(t *testing.T) {
	p := newPlace(t)
	must(t, os.WriteFile(p.path("one.cdx.json"), []byte("{}"), 0o600))
	if said, err := p.run(t.Context(), "--key=key.pem", "--certificate=cert.pem", "--into=good"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	text, err := os.ReadFile(p.path("cert.pem"))
	must(t, err)
	certificate, err := pkcs7.ParseCertificate(text)
	must(t, err)
	var files outputs.Files
	defer files.Discard()
	err = signDocument(&files, p.path("one.cdx.json"), p.path("one.cdx.dsse.json"), nil, certificate, func([]byte) ([]byte, error) {
		return os.ReadFile(p.path("good/one.roothash.p7s"))
	})
	if err == nil || !strings.Contains(err.Error(), "the signature is not by the certificate's key") {
		t.Errorf("got %v", err)
	}
	must(t, files.Commit())
	if _, err := os.Stat(p.path("one.cdx.dsse.json")); err == nil {
		t.Error("an envelope is left")
	}
	if _, err := imageOf("cert.pem"); err == nil || !strings.Contains(err.Error(), "neither NAME.cdx.json") {
		t.Errorf("another file: %v", err)
	}
}
