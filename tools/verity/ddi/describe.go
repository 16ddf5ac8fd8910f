package ddi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A Description contains the information in the partition table of a disk image.
type Description struct {
	// Offset and Size are the root partition's: a squashfs; in bytes.
	Offset, Size int64
	// RootHash is the root hash from the partitions' UUIDs, in hex.
	RootHash string
	// Signer is the SHA-256 of the certificate that the image was signed with, in hex; empty if it
	// is not signed.
	Signer string
}

// Describe reads the partition table of an image of some size, and the signature partition. It verifies
// neither the data nor the signature: see [Verify].
func Describe(r io.ReaderAt, size int64) (*Description, error) {
	image, err := read(r, size)
	if err != nil {
		return nil, err
	}
	d := &Description{Offset: image.root.Offset, Size: image.root.Size, RootHash: image.hex()}
	if image.signature == nil {
		return d, nil
	}
	s, err := image.readSignature(r)
	d.Signer = s.Fingerprint
	return d, err
}

// readSignature returns the contents of the signature partition.
func (i *image) readSignature(r io.ReaderAt) (s signature, err error) {
	if i.signature.Size > maxSignature {
		return s, fmt.Errorf("signature: the partition has %d bytes, more than the %d that systemd reads", i.signature.Size, maxSignature)
	}
	content := make([]byte, i.signature.Size)
	if _, err := r.ReadAt(content, i.signature.Offset); err != nil {
		return s, err
	}
	if err := json.Unmarshal(bytes.TrimRight(content, "\x00"), &s); err != nil {
		return s, fmt.Errorf("signature: the partition has no JSON: %w", err)
	}
	return s, nil
}

// SignedIn returns the path of the signed form of an unsigned image: the file of its name in the directory
// that portable_sign wrote to. It fails if the file is not that form.
func SignedIn(directory, unsigned string) (path string, err error) {
	path = filepath.Join(directory, filepath.Base(unsigned))
	there, err := describeFile(path)
	if err != nil {
		return "", err
	}
	build, err := describeFile(unsigned)
	switch {
	case err != nil:
		return "", err
	case there.Signer == "":
		return "", fmt.Errorf("%s: it is not signed; fix: name the directory that the portable_sign target wrote to", path)
	case there.RootHash != build.RootHash:
		return "", fmt.Errorf("%s: its root hash is %.12s…, and that of the build's image %.12s…; fix: run the portable_sign target again", path, there.RootHash, build.RootHash)
	}
	return path, nil
}

func describeFile(path string) (*Description, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	d, err := Describe(file, info.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return d, nil
}
