package main

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"example.org/portable-walkthrough-go/tools/dsse"
	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/verity/outputs"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

// The ends of the names of the documents that an image has, and of their envelopes.
const (
	provenanceSuffix = ".provenance.json"
	sbomSuffix       = ".cdx.json"
	envelopeSuffix   = ".dsse.json"
)

// imageOf is the file name of a document's image.
func imageOf(document string) (string, error) {
	base := filepath.Base(document)
	for _, suffix := range []string{provenanceSuffix, sbomSuffix} {
		if stem, ok := strings.CutSuffix(base, suffix); ok {
			return stem + ".raw", nil
		}
	}
	return "", fmt.Errorf("it is neither NAME%s nor NAME%s", sbomSuffix, provenanceSuffix)
}

// envelope returns the file name of a signed document.
func (c *command) envelope(document string) string {
	return filepath.Join(c.into, strings.TrimSuffix(filepath.Base(document), ".json")+envelopeSuffix)
}

// state makes the statement to sign. A signed image has another digest than the one that was
// built, so that its subjects are both. An SBOM becomes the predicate of a statement, as cosign
// has it.
func state(document string, subjects []dsse.Resource) ([]byte, error) {
	content, err := os.ReadFile(document)
	if err != nil {
		return nil, err
	}
	s := dsse.Statement[json.RawMessage]{Type: dsse.StatementType, PredicateType: "https://cyclonedx.org/bom", Predicate: content}
	if strings.HasSuffix(document, provenanceSuffix) {
		if err := json.Unmarshal(content, &s); err != nil {
			return nil, err
		}
	}
	s.Subject = subjects
	return json.Marshal(s)
}

// signDocument signs with what signs root hashes. Without attributes, the signature in PKCS #7
// is the one that an envelope has.
func signDocument(files *outputs.Files, document, to string, subjects []dsse.Resource, certificate *x509.Certificate, sign func([]byte) ([]byte, error)) error {
	payload, err := state(document, subjects)
	if err != nil {
		return err
	}
	envelope, err := dsse.Sign(certificate.PublicKey, dsse.InToto, payload, func(text []byte) ([]byte, error) {
		der, err := sign(text)
		if err != nil {
			return nil, err
		}
		return pkcs7.Value(der)
	})
	if err != nil {
		return err
	}
	return files.Write(to, string(envelope))
}

// verifyDocument verifies an envelope's signature, and that it is about the image.
func verifyDocument(name, image string, certificate *x509.Certificate) error {
	envelope, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	payload, err := dsse.Verify(certificate.PublicKey, dsse.InToto, envelope)
	if err != nil {
		return err
	}
	var s dsse.Statement[json.RawMessage]
	if err := json.Unmarshal(payload, &s); err != nil {
		return err
	}
	digest, err := sha256sum.OfFile(image)
	if err != nil {
		return err
	}
	for _, about := range s.Subject {
		if about.Digest["sha256"] == digest {
			return nil
		}
	}
	return errors.New("it describes another image: no subject has the digest of " + image)
}
