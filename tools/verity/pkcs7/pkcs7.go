// Package pkcs7 makes and checks the one kind of signature that systemd and the kernel take
// for a root hash: PKCS #7 (RFC 2315) in DER, detached, with one signer, and without
// attributes and certificates. It reads private keys, encrypted ones too.
//
// It is what `openssl smime -sign -binary -noattr -nocerts -outform der` makes; of an RSA
// key, to the byte.
package pkcs7

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
)

var (
	oidData       = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 1}
	oidSignedData = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidSHA256     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA384     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 2}
	oidSHA512     = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidRSA        = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 1}
	oidECDSA      = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2} // with SHA-256
)

// contentInfo is RFC 2315, section 7.
type contentInfo struct {
	Type    asn1.ObjectIdentifier
	Content asn1.RawValue `asn1:"explicit,optional,tag:0"`
}

// signedData is RFC 2315, section 9.1.
type signedData struct {
	Version      int
	Digests      []pkix.AlgorithmIdentifier `asn1:"set"`
	Content      contentInfo
	Certificates asn1.RawValue `asn1:"optional,tag:0"`
	Revoked      asn1.RawValue `asn1:"optional,tag:1"`
	Signers      []signerInfo  `asn1:"set"`
}

// signerInfo is RFC 2315, section 9.2; of RFC 5652 it also takes a signer that is named by
// the key's identifier.
type signerInfo struct {
	Version    int
	Signer     asn1.RawValue
	Digest     pkix.AlgorithmIdentifier
	Attributes asn1.RawValue `asn1:"optional,tag:0"`
	Algorithm  pkix.AlgorithmIdentifier
	Signature  []byte
	Others     asn1.RawValue `asn1:"optional,tag:1"`
}

type issuerAndSerial struct {
	Issuer asn1.RawValue
	Serial *big.Int
}

// Sign signs content with a key, RSA (PKCS #1 v1.5) or ECDSA, and SHA-256. RSA gives the same bytes
// each time, ECDSA never.
func Sign(content []byte, certificate *x509.Certificate, key crypto.Signer) ([]byte, error) {
	if err := Fits(key, certificate); err != nil {
		return nil, err
	}
	null := asn1.RawValue{Tag: asn1.TagNull}
	algorithm := pkix.AlgorithmIdentifier{Algorithm: oidRSA, Parameters: null}
	if _, ok := key.Public().(*ecdsa.PublicKey); ok {
		algorithm = pkix.AlgorithmIdentifier{Algorithm: oidECDSA}
	}
	digest := crypto.SHA256.New()
	digest.Write(content)
	signature, err := key.Sign(rand.Reader, digest.Sum(nil), crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	signer, err := asn1.Marshal(issuerAndSerial{asn1.RawValue{FullBytes: certificate.RawIssuer}, certificate.SerialNumber})
	if err != nil {
		return nil, err
	}
	sha256 := pkix.AlgorithmIdentifier{Algorithm: oidSHA256, Parameters: null}
	inner, err := asn1.Marshal(signedData{
		Version: 1,
		Digests: []pkix.AlgorithmIdentifier{sha256},
		Content: contentInfo{Type: oidData},
		Signers: []signerInfo{{
			Version:   1,
			Signer:    asn1.RawValue{FullBytes: signer},
			Digest:    sha256,
			Algorithm: algorithm,
			Signature: signature,
		}},
	})
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(contentInfo{oidSignedData, asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: inner}})
}

// ErrOtherSigner says that a signature names another certificate than the one it is checked
// with.
var ErrOtherSigner = errors.New("made with the key of another certificate")

// Value returns the signature in a PKCS #7 signature in DER: without attributes, it is the
// key's own signature of the content.
func Value(der []byte) ([]byte, error) {
	signer, err := parseSigner(der)
	return signer.Signature, err
}

func parseSigner(der []byte) (signer signerInfo, err error) {
	const form = "; make it with `openssl smime -sign -binary -noattr -nocerts -outform der`, or the like"
	var outer contentInfo
	if rest, err := asn1.Unmarshal(der, &outer); err != nil || len(rest) > 0 || !outer.Type.Equal(oidSignedData) {
		return signer, errors.New("not a PKCS #7 signature in DER" + form)
	}
	var data signedData
	if rest, err := asn1.Unmarshal(outer.Content.Bytes, &data); err != nil || len(rest) > 0 {
		return signer, errors.New("not a PKCS #7 signature in DER" + form)
	}
	switch {
	case !data.Content.Type.Equal(oidData) || len(data.Content.Content.FullBytes) > 0:
		return signer, errors.New("not detached: it has the content in it" + form)
	case len(data.Signers) != 1:
		return signer, fmt.Errorf("%d signers, want one"+form, len(data.Signers))
	case len(data.Signers[0].Attributes.FullBytes) > 0:
		return signer, errors.New("it has attributes" + form)
	}
	return data.Signers[0], nil
}

// Verify checks a signature in DER of content with the signer's certificate. It looks at no
// date and at no issuer, as systemd does not. Certificates in the signature don't matter.
func Verify(der, content []byte, certificate *x509.Certificate) error {
	signer, err := parseSigner(der)
	if err != nil {
		return err
	}
	if !names(signer.Signer, certificate) {
		return ErrOtherSigner
	}
	var hash crypto.Hash
	switch {
	case signer.Digest.Algorithm.Equal(oidSHA256):
		hash = crypto.SHA256
	case signer.Digest.Algorithm.Equal(oidSHA384):
		hash = crypto.SHA384
	case signer.Digest.Algorithm.Equal(oidSHA512):
		hash = crypto.SHA512
	default:
		return fmt.Errorf("digest algorithm %v: use SHA-256", signer.Digest.Algorithm)
	}
	digest := hash.New()
	digest.Write(content)
	good := false
	switch key := certificate.PublicKey.(type) {
	case *rsa.PublicKey:
		good = rsa.VerifyPKCS1v15(key, hash, digest.Sum(nil), signer.Signature) == nil
	case *ecdsa.PublicKey:
		good = ecdsa.VerifyASN1(key, digest.Sum(nil), signer.Signature)
	default:
		return unsupported(key)
	}
	if !good {
		return errors.New("it is not a signature of this content by the certificate's key")
	}
	return nil
}

// names reports whether a signer belongs to a certificate.
func names(signer asn1.RawValue, certificate *x509.Certificate) bool {
	if signer.Class == asn1.ClassContextSpecific && signer.Tag == 0 {
		return len(certificate.SubjectKeyId) > 0 && bytes.Equal(signer.Bytes, certificate.SubjectKeyId)
	}
	var by issuerAndSerial
	_, err := asn1.Unmarshal(signer.FullBytes, &by)
	return err == nil && bytes.Equal(by.Issuer.FullBytes, certificate.RawIssuer) && by.Serial.Cmp(certificate.SerialNumber) == 0
}

// Fits returns an error if a private key is not the one of a certificate, or of a kind that
// can't sign here.
func Fits(key crypto.Signer, certificate *x509.Certificate) error {
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	switch key.Public().(type) {
	case *rsa.PublicKey, *ecdsa.PublicKey:
	default:
		return unsupported(key.Public())
	}
	if !ok || !public.Equal(certificate.PublicKey) {
		return errors.New("the key is not the one that the certificate is of; give the two of one pair")
	}
	return nil
}

func unsupported(key any) error {
	return fmt.Errorf("keys of type %T sign no PKCS #7 without attributes: use RSA or ECDSA", key)
}
