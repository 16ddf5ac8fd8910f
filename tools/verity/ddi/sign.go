package ddi

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"example.org/portable-walkthrough-go/tools/verity/gpt"
	"example.org/portable-walkthrough-go/tools/verity/hashtree"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

// A signature is the content of the signature partition, as JSON.
type signature struct {
	RootHash    string `json:"rootHash"`
	Fingerprint string `json:"certificateFingerprint"`
	Signature   string `json:"signature"`
}

// maxSignature limits a signature partition that is read: systemd's own limit.
const maxSignature = 4 << 20

// ErrSigned means that an image has a signature partition.
var ErrSigned = errors.New("signed already; give the unsigned image")

func fingerprint(certificate *x509.Certificate) string {
	sum := sha256.Sum256(certificate.Raw)
	return hex.EncodeToString(sum[:])
}

// Signed is the result of signing an image.
type Signed struct {
	// RootHash is in hex.
	RootHash string
	// Signature is PKCS #7 in DER, of RootHash.
	Signature []byte
}

// Sign copies an unsigned image to output, which must be empty, and adds a signature
// partition. Sign is called with the root hash in hex, once the image is known to have it,
// and returns a signature that the certificate verifies: see package pkcs7.
func Sign(ctx context.Context, unsigned *os.File, certificate *x509.Certificate, sign func(content []byte) ([]byte, error), output *os.File) (*Signed, error) {
	info, err := unsigned.Stat()
	if err != nil {
		return nil, err
	}
	image, err := read(unsigned, info.Size())
	if err != nil {
		return nil, err
	}
	if image.signature != nil {
		return nil, ErrSigned
	}
	offset, err := image.room()
	if err != nil {
		return nil, err
	}
	if err := image.check(ctx, unsigned); err != nil {
		return nil, err
	}
	hash := image.hex()
	der, err := sign([]byte(hash))
	if err != nil {
		return nil, err
	}
	if err := pkcs7.Verify(der, []byte(hash), certificate); err != nil {
		return nil, fmt.Errorf("the signer's answer: %w", err)
	}
	content, err := json.Marshal(signature{hash, fingerprint(certificate), base64.StdEncoding.EncodeToString(der)})
	if err != nil {
		return nil, err
	}
	if len(content) > signatureSize {
		return nil, fmt.Errorf("the signature takes %d bytes of the signature partition, which has %d; sign without certificates (-nocerts)", len(content), signatureSize)
	}

	table := *image.table
	table.Partitions = append(table.Partitions, gpt.Partition{
		Type: image.types.signature, ID: deriveGUID(image.hash(), "verity-signature-uuid"), Label: image.root.Label + "-verity-sig",
		Offset: offset, Size: signatureSize, Attributes: gpt.ReadOnly,
	})
	if _, err := unsigned.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	if _, err := io.Copy(output, unsigned); err != nil {
		return nil, err
	}
	if _, err := output.WriteAt(append(content, make([]byte, signatureSize-len(content))...), offset); err != nil {
		return nil, err
	}
	return &Signed{hash, der}, table.Write(output)
}

// check returns an error if data, hash tree and root hash don't fit.
func (i *image) check(ctx context.Context, r io.ReaderAt) error {
	_, root, err := hashtree.Check(ctx, section(r, i.root), i.root.Size, section(r, i.verity), i.verity.Size)
	if err == nil && root != i.hash() {
		err = fmt.Errorf("root hash: the hash tree has %x, but the partitions' UUIDs have %s", root, i.hex())
	}
	return err
}
