package dsse

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

const other = "application/octet-stream"

// The example of the specification (protocol.md).
func TestPreauthentication(t *testing.T) {
	got := string(Preauthentication("http://example.com/HelloWorld", []byte("hello world")))
	if want := "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func keys(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	e, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]crypto.Signer{"RSA": r, "ECDSA": e}
}

// with signs with a key that lies here.
func with(key crypto.Signer) func([]byte) ([]byte, error) {
	return func(text []byte) ([]byte, error) {
		digest := sha256.Sum256(text)
		return key.Sign(rand.Reader, digest[:], crypto.SHA256)
	}
}

func TestSignedIsVerified(t *testing.T) {
	for name, key := range keys(t) {
		envelope, err := Sign(key.Public(), InToto, []byte(`{"_type": "x"}`), with(key))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		payload, err := Verify(key.Public(), InToto, envelope)
		if err != nil || string(payload) != `{"_type": "x"}` {
			t.Errorf("%s: got %q, %v", name, payload, err)
		}
		if !strings.Contains(string(envelope), `"payload": "eyJfdHlwZSI6ICJ4In0="`) {
			t.Errorf("%s: %s", name, envelope)
		}
	}
}

func TestAForeignSignatureIsNotWritten(t *testing.T) {
	all := keys(t)
	for name, sign := range map[string]func([]byte) ([]byte, error){
		"is not by the certificate's key": with(all["ECDSA"]),
		"no token":                        func([]byte) ([]byte, error) { return nil, errors.New("no token") },
	} {
		if envelope, err := Sign(all["RSA"].Public(), InToto, []byte("{}"), sign); envelope != nil || err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %q, %v", name, envelope, err)
		}
	}
}

// Each byte that matters is signed: the negative controls.
func TestOthersAreRefused(t *testing.T) {
	all := keys(t)
	envelope, err := Sign(all["ECDSA"].Public(), InToto, []byte("{}"), with(all["ECDSA"]))
	if err != nil {
		t.Fatal(err)
	}
	changed := func(change func(*Envelope)) []byte {
		var e Envelope
		if err := json.Unmarshal(envelope, &e); err != nil {
			t.Fatal(err)
		}
		change(&e)
		content, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	for name, test := range map[string]struct {
		key      crypto.PublicKey
		kind     string
		envelope []byte
		want     string
	}{
		"other key":     {all["RSA"].Public(), InToto, envelope, "no valid signature"},
		"unknown key":   {"none", InToto, envelope, "no valid signature"},
		"other payload": {all["ECDSA"].Public(), InToto, changed(func(e *Envelope) { e.Payload = []byte("[]") }), "no valid signature"},
		"other type":    {all["ECDSA"].Public(), other, changed(func(e *Envelope) { e.PayloadType = other }), "no valid signature"},
		"type asked":    {all["ECDSA"].Public(), other, envelope, `has the type "application/vnd.in-toto+json"`},
		"no signature":  {all["ECDSA"].Public(), InToto, changed(func(e *Envelope) { e.Signatures = nil }), "no valid signature"},
		"not JSON":      {all["ECDSA"].Public(), InToto, []byte("-----BEGIN"), "DSSE envelope: "},
	} {
		if payload, err := Verify(test.key, test.kind, test.envelope); payload != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %q, %v; want %q", name, payload, err, test.want)
		}
	}
}
