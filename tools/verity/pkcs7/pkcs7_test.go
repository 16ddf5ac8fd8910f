package pkcs7

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"
)

// certify makes a certificate of a key, signed by the key itself.
func certify(t *testing.T, key crypto.Signer, serial int64) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func keys(t *testing.T) map[string]crypto.Signer {
	return map[string]crypto.Signer{
		"RSA":   must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048)),
		"P-256": must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)),
		"P-384": must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)),
	}
}

var content = []byte("0d6d97f3")

func TestSignAndVerify(t *testing.T) {
	for name, key := range keys(t) {
		t.Run(name, func(t *testing.T) {
			certificate := certify(t, key, 1)
			der := must[[]byte](t)(Sign(content, certificate, key))
			if err := Verify(der, content, certificate); err != nil {
				t.Error(err)
			}
			if again := must[[]byte](t)(Sign(content, certificate, key)); bytes.Equal(der, again) != (name == "RSA") {
				t.Errorf("signing twice gives the same bytes: %v", bytes.Equal(der, again))
			}
			// The negative controls.
			if err := Verify(der, []byte("other"), certificate); err == nil {
				t.Error("another content is verified")
			}
			other := certify(t, must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048)), 1)
			if err := Verify(der, content, other); err == nil {
				t.Error("another key is verified, whose certificate says the same")
			}
			if err := Verify(der, content, certify(t, key, 2)); !errors.Is(err, ErrOtherSigner) {
				t.Errorf("another certificate: %v", err)
			}
			if _, err := Sign(content, other, key); err == nil {
				t.Error("a key that is not the certificate's signs")
			}
			for i := range der {
				damaged := bytes.Clone(der)
				damaged[i] ^= 1
				if err := Verify(damaged, content, certificate); err == nil && !harmless(der, i) {
					t.Errorf("byte %d of %d does not matter", i, len(der))
				}
			}
		})
	}
}

// harmless reports whether a byte is not a part of the signature, but describes it: versions, the
// list of digests, and the algorithms' parameters.
func harmless(der []byte, i int) bool {
	var outer contentInfo
	var data signedData
	_, _ = asn1.Unmarshal(der, &outer)
	_, _ = asn1.Unmarshal(outer.Content.Bytes, &data)
	signature := bytes.Index(der, data.Signers[0].Signature)
	signer := bytes.Index(der, data.Signers[0].Signer.FullBytes)
	return i < signer || i > signer+len(data.Signers[0].Signer.FullBytes) && i < signature
}

func TestOtherForms(t *testing.T) {
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	certificate := certify(t, key, 1)
	der := must[[]byte](t)(Sign(content, certificate, key))
	remade := func(change func(*signedData)) []byte {
		var outer contentInfo
		var data signedData
		must[[]byte](t)(asn1.Unmarshal(der, &outer))
		must[[]byte](t)(asn1.Unmarshal(outer.Content.Bytes, &data))
		change(&data)
		inner := must[[]byte](t)(asn1.Marshal(data))
		return must[[]byte](t)(asn1.Marshal(contentInfo{oidSignedData, asn1.RawValue{Class: 2, IsCompound: true, Bytes: inner}}))
	}
	context0 := asn1.RawValue{Class: 2, IsCompound: true, Bytes: must[[]byte](t)(asn1.Marshal(content))}
	for want, change := range map[string]func(*signedData){
		"":                  func(*signedData) {},
		"not detached":      func(d *signedData) { d.Content.Content = context0 },
		"it has attributes": func(d *signedData) { d.Signers[0].Attributes = context0 },
		"2 signers":         func(d *signedData) { d.Signers = append(d.Signers, d.Signers[0]) },
		"digest algorithm":  func(d *signedData) { d.Signers[0].Digest.Algorithm = oidRSA },
	} {
		err := Verify(remade(change), content, certificate)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	for name, bad := range map[string][]byte{
		"empty": nil, "text": content, "cut off": der[:len(der)-1], "more behind it": append(bytes.Clone(der), 0),
		"PEM": pem.EncodeToMemory(&pem.Block{Type: "PKCS7", Bytes: der}),
	} {
		if err := Verify(bad, content, certificate); err == nil || !strings.Contains(err.Error(), "not a PKCS #7 signature in DER; make it with") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseKey(t *testing.T) {
	none := func() ([]byte, error) { return nil, errors.New("asked") }
	marshal := func(kind string, der []byte) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
	}
	rsaKey := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	ecKey := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	certificate := marshal("CERTIFICATE", certify(t, rsaKey, 1).Raw)
	for name, file := range map[string][]byte{
		"PKCS #8":  append(certificate, marshal("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(rsaKey)))...),
		"PKCS #1":  marshal("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)),
		"SEC 1":    append(marshal("EC PARAMETERS", []byte{6, 0}), marshal("EC PRIVATE KEY", must[[]byte](t)(x509.MarshalECPrivateKey(ecKey)))...),
		"EC, PKCS": marshal("PRIVATE KEY", must[[]byte](t)(x509.MarshalPKCS8PrivateKey(ecKey))),
	} {
		key, err := ParseKey(file, none)
		if err != nil || !rsaKey.Equal(key) && !ecKey.Equal(key) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, file := range map[string][]byte{
		"no private key in PEM":        certificate,
		"PRIVATE KEY: ":                marshal("PRIVATE KEY", []byte("no key")),
		"the encrypted key is damaged": marshal("ENCRYPTED PRIVATE KEY", []byte("no key")),
	} {
		if _, err := ParseKey(file, func() ([]byte, error) { return []byte("x"), nil }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Sign(content, certify(t, edKey, 1), edKey); err == nil || !strings.Contains(err.Error(), "use RSA or ECDSA") {
		t.Errorf("Ed25519: %v", err)
	}
}

// encrypted makes the same as `openssl genpkey -aes-256-cbc`. //tools/verity/others tests
// OpenSSL's own files.
func encrypted(t *testing.T, der []byte, passphrase string) []byte {
	t.Helper()
	// The form is OpenSSL's.
	block, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", der, []byte(passphrase), x509.PEMCipherAES256)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

func TestEncryptedKey(t *testing.T) {
	key := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	file := encrypted(t, x509.MarshalPKCS1PrivateKey(key), "secret")
	got, err := ParseKey(file, func() ([]byte, error) { return []byte("secret"), nil })
	if err != nil || !key.Equal(got) {
		t.Error(err)
	}
	// With enough wrong ones, one opens to a key with the right padding.
	for i := range 600 {
		if _, err := ParseKey(file, func() ([]byte, error) { return []byte{byte(i), byte(i >> 8)}, nil }); !errors.Is(err, ErrPassphrase) {
			t.Fatalf("a wrong passphrase: %v", err)
		}
	}
	asked := errors.New("no terminal")
	if _, err := ParseKey(file, func() ([]byte, error) { return nil, asked }); !errors.Is(err, asked) {
		t.Errorf("none: %v", err)
	}
}

func TestParseCertificate(t *testing.T) {
	want := certify(t, must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048)), 1)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: want.Raw})
	for name, file := range map[string][]byte{"DER": want.Raw, "PEM": text, "PEM with text before": append([]byte("Certificate:\n"), text...)} {
		if got, err := ParseCertificate(file); err != nil || !got.Equal(want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseCertificate([]byte("hello")); err == nil {
		t.Error("no certificate: no error")
	}
}
