// Package sha256sum computes the digests by which images and documents are known: SHA-256, in
// hexadecimal.
package sha256sum

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
)

// Of returns the digest of the rest of a reader.
func Of(r io.Reader) (string, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, r); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// OfFile is the digest of the named file.
func OfFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return Of(file)
}
