// Package dsse signs and verifies documents as the Dead Simple Signing Envelope, version 1.0
// (https://github.com/secure-systems-lab/dsse): JSON that has the document, its type and
// signatures of both.
package dsse

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// InToto is the type of an in-toto statement.
const InToto = "application/vnd.in-toto+json"

// An Envelope is a signed document.
type Envelope struct {
	PayloadType string `json:"payloadType"`
	// Payload is in standard base64 in the JSON form.
	Payload    []byte      `json:"payload"`
	Signatures []Signature `json:"signatures"`
}

// A Signature is one of an envelope's.
type Signature struct {
	// KeyID is a hint which key to verify with: here the SHA-256 of the public key in its
	// PKIX form. It is not signed.
	KeyID string `json:"keyid,omitempty"`
	Sig   []byte `json:"sig"`
}

// Preauthentication returns the signed text: the type and the payload, each with its length before
// it, so that no other pair of them gives the same bytes.
func Preauthentication(payloadType string, payload []byte) []byte {
	return append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload)), payload...)
}

// Sign returns the JSON form of an envelope with one signature. The function sign gets the text
// to sign, and returns the signature with SHA-256 of the private key of the given public key:
// PKCS #1 v1.5 for RSA, ASN.1 for ECDSA, as OpenSSL makes them and cosign verifies them. A
// signature that the public key does not verify is an error.
func Sign(key crypto.PublicKey, payloadType string, payload []byte, sign func(text []byte) ([]byte, error)) ([]byte, error) {
	text := Preauthentication(payloadType, payload)
	signature, err := sign(text)
	if err != nil {
		return nil, fmt.Errorf("sign %s: %w", payloadType, err)
	}
	if !verified(key, text, signature) {
		return nil, fmt.Errorf("sign %s: the signature is not by the certificate's key, or does not use SHA-256; sign with that key", payloadType)
	}
	id, err := keyID(key)
	if err != nil {
		return nil, err
	}
	content, err := json.MarshalIndent(Envelope{
		PayloadType: payloadType, Payload: payload, Signatures: []Signature{{KeyID: id, Sig: signature}},
	}, "", "  ")
	return append(content, '\n'), err
}

// Verify returns the payload of an envelope of that type if the key has signed it. The
// envelope may have signatures of others as well.
func Verify(key crypto.PublicKey, payloadType string, envelope []byte) ([]byte, error) {
	var e Envelope
	if err := json.Unmarshal(envelope, &e); err != nil {
		return nil, fmt.Errorf("DSSE envelope: %w", err)
	}
	if e.PayloadType != payloadType {
		return nil, fmt.Errorf("DSSE envelope has the type %q, not %q; verify it as its own type", e.PayloadType, payloadType)
	}
	text := Preauthentication(e.PayloadType, e.Payload)
	for _, s := range e.Signatures {
		if verified(key, text, s.Sig) {
			return e.Payload, nil
		}
	}
	return nil, errors.New("DSSE envelope has no valid signature by this key; use the signer's certificate, or do not trust the document")
}

func verified(key crypto.PublicKey, text, signature []byte) bool {
	digest := sha256.Sum256(text)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest[:], signature)
	}
	return false
}

func keyID(key crypto.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", fmt.Errorf("DSSE: public key: %w", err)
	}
	digest := sha256.Sum256(der)
	return hex.EncodeToString(digest[:]), nil
}
