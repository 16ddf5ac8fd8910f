package ddi

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"

	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

// Verify checks a signed image with the signer's certificate and returns the root hash, in
// hex. The error joins all that is wrong. Each starts with what it is wrong with: partition
// table, data, hash tree, root hash, signature or certificate.
func Verify(ctx context.Context, file *os.File, certificate *x509.Certificate) (rootHash string, err error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	image, err := read(file, info.Size())
	if err != nil {
		return "", err
	}
	return image.hex(), errors.Join(image.check(ctx, file), image.checkSignature(file, certificate))
}

func (i *image) checkSignature(file *os.File, certificate *x509.Certificate) error {
	if i.signature == nil {
		return errors.New("signature: the image is not signed")
	}
	s, err := i.readSignature(file)
	if err != nil {
		return err
	}
	der, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil {
		return fmt.Errorf("signature: no base64: %w", err)
	}
	var wrong []error
	if s.RootHash != i.hex() {
		wrong = append(wrong, fmt.Errorf("root hash: the signature is for %s, but the partitions' UUIDs have %s", s.RootHash, i.hex()))
	}
	if s.Fingerprint != fingerprint(certificate) {
		wrong = append(wrong, fmt.Errorf("certificate: the image is signed for the one with SHA-256 %s, not for this one, with %s", s.Fingerprint, fingerprint(certificate)))
	}
	switch err := pkcs7.Verify(der, []byte(s.RootHash), certificate); {
	case errors.Is(err, pkcs7.ErrOtherSigner):
		wrong = append(wrong, fmt.Errorf("certificate: the signature is %w", err))
	case err != nil:
		wrong = append(wrong, fmt.Errorf("signature: %w", err))
	}
	return errors.Join(wrong...)
}
