package pkcs7

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// ParseCertificate reads the first certificate of a PEM file, or one in DER.
func ParseCertificate(file []byte) (*x509.Certificate, error) {
	der := file
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			der = block.Bytes
			break
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("no X.509 certificate in PEM or DER: %w", err)
	}
	return certificate, nil
}

// ErrPassphrase means that a passphrase does not open a key.
var ErrPassphrase = errors.New("the passphrase is wrong")

// ParseKey reads the private key of a PEM file: PKCS #8, PKCS #1 or SEC 1. If it is
// encrypted it asks for the passphrase.
func ParseKey(file []byte, passphrase func() ([]byte, error)) (crypto.Signer, error) {
	for rest := file; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("no private key in PEM; convert one in DER with `openssl pkey -inform DER`")
		}
		der, kind := block.Bytes, block.Type
		// OpenSSL still writes such keys with -traditional.
		old := x509.IsEncryptedPEMBlock(block)
		if old || kind == "ENCRYPTED PRIVATE KEY" {
			secret, err := passphrase()
			if err != nil {
				return nil, err
			}
			if old {
				// As above.
				der, err = x509.DecryptPEMBlock(block, secret)
			} else {
				der, err = decrypt(block.Bytes, secret)
				kind = "PRIVATE KEY"
			}
			if errors.Is(err, x509.IncorrectPasswordError) {
				err = ErrPassphrase
			}
			if err != nil {
				return nil, err
			}
		}
		key, err := parse(kind, der)
		switch {
		case err != nil && (old || kind != block.Type):
			// One of 256 wrong passphrases gives the right padding.
			return nil, ErrPassphrase
		case err != nil:
			return nil, fmt.Errorf("%s: %w", kind, err)
		case key != nil:
			return key, nil
		}
	}
}

// parse returns nil for a block that is not a private key, such as a certificate.
func parse(kind string, der []byte) (crypto.Signer, error) {
	switch kind {
	case "PRIVATE KEY":
		key, err := x509.ParsePKCS8PrivateKey(der)
		if err != nil {
			return nil, err
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, unsupported(key)
		}
		return signer, nil
	case "RSA PRIVATE KEY":
		return x509.ParsePKCS1PrivateKey(der)
	case "EC PRIVATE KEY":
		return x509.ParseECPrivateKey(der)
	}
	return nil, nil
}
