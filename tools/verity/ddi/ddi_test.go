package ddi

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/verity/gpt"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

// squashfs makes a file with a squashfs's magic number and size.
func squashfs(t *testing.T, size int, seed byte) *os.File {
	t.Helper()
	content := make([]byte, size)
	_, _ = mathrand.NewChaCha8([32]byte{seed}).Read(content)
	copy(content, SquashfsMagic)
	binary.LittleEndian.PutUint64(content[40:], uint64(size-100))
	return file(t, content)
}

func file(t *testing.T, content []byte) *os.File {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "file"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

func content(t *testing.T, f *os.File) []byte {
	t.Helper()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func made(t *testing.T, squashfs *os.File, architecture string) (*os.File, *Manifest) {
	t.Helper()
	output := file(t, nil)
	m, err := Make(t.Context(), squashfs, architecture, output)
	if err != nil {
		t.Fatal(err)
	}
	return output, m
}

func TestMake(t *testing.T) {
	const size = 600 * 4096
	from := squashfs(t, size, 1)
	for architecture, types := range architectures {
		t.Run(architecture, func(t *testing.T) {
			output, m := made(t, from, architecture)
			image := content(t, output)
			if got := float64(len(image)) / size; int64(len(image)) != m.Size || len(image)%4096 != 0 || got > 1.04 {
				t.Errorf("%d bytes, the manifest has %d; %.3f × the squashfs", len(image), m.Size, got)
			}
			root, verity := m.Partitions[0], m.Partitions[1]
			if !bytes.Equal(image[root.Offset:root.Offset+root.Size], content(t, from)) {
				t.Error("the root partition is not the squashfs")
			}
			hash := strings.ReplaceAll(root.UUID+verity.UUID, "-", "")
			if hash != m.RootHash || root.Type != types.root.String() || verity.Type != types.verity.String() || root.Offset%4096 != 0 || verity.Offset%4096 != 0 {
				t.Errorf("%+v", m)
			}
			table, err := gpt.Read(output, m.Size)
			if err != nil || len(table.Partitions) != 2 {
				t.Fatalf("%+v, %v", table, err)
			}
			for i, p := range table.Partitions {
				// Read-only, and nothing else: no growfs, bit 59.
				if p.Attributes != 1<<60 || !reflect.DeepEqual(listed(m.Partitions[i].Name, p), m.Partitions[i]) {
					t.Errorf("%+v, but the manifest has %+v", p, m.Partitions[i])
				}
			}
			if m.Verity.Salt == "" || image[verity.Offset] != 'v' || m.Signature.Offset+m.Signature.Size > m.Size-gpt.TailSize {
				t.Errorf("%+v", m)
			}
		})
	}
}

// Equal content is equal bits, and other content other ones, of which none is the same.
func TestEqualContentIsEqualBits(t *testing.T) {
	a, one := made(t, squashfs(t, 1<<20, 1), "arm64")
	b, _ := made(t, squashfs(t, 1<<20, 1), "arm64")
	_, two := made(t, squashfs(t, 1<<20, 2), "arm64")
	if !bytes.Equal(content(t, a), content(t, b)) {
		t.Error("two images of equal squashfs file systems differ")
	}
	if one.DiskUUID == two.DiskUUID || one.Verity.Salt == two.Verity.Salt || one.Verity.UUID == two.Verity.UUID || one.RootHash == two.RootHash {
		t.Errorf("two images have a thing in common:\n%+v\n%+v", one, two)
	}
}

func TestMakeRefuses(t *testing.T) {
	cut := content(t, squashfs(t, 1<<20, 1))[:512<<10]
	odd := append(content(t, squashfs(t, 1<<20, 1)), 0)
	for want, from := range map[string]*os.File{
		"no squashfs; give a portable_image's .raw file":         file(t, []byte("hello")),
		"no squashfs; give a":                                    file(t, make([]byte, 1<<20)),
		"cut off: it has 524288 bytes of the squashfs's 1048476": file(t, cut),
		"1048577 bytes are not a multiple of 4096":               file(t, odd),
	} {
		if _, err := Make(t.Context(), from, "arm64", file(t, nil)); err == nil || !strings.Contains(err.Error(), from.Name()+": "+want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if _, err := Make(t.Context(), squashfs(t, 1<<20, 1), "s390x", file(t, nil)); err == nil || !strings.Contains(err.Error(), `architecture "s390x"`) {
		t.Errorf("architecture: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Make(ctx, squashfs(t, 1<<20, 1), "arm64", file(t, nil)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type signer struct {
	key         *rsa.PrivateKey
	certificate *x509.Certificate
}

func newSigner(t *testing.T) signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return signer{key, certificate}
}

func (s signer) sign(content []byte) ([]byte, error) {
	return pkcs7.Sign(content, s.certificate, s.key)
}

func TestSignAndVerify(t *testing.T) {
	s := newSigner(t)
	unsigned, m := made(t, squashfs(t, 1<<20, 1), "x86-64")
	before := content(t, unsigned)
	output := file(t, nil)
	signed, err := Sign(t.Context(), unsigned, s.certificate, s.sign, output)
	if err != nil {
		t.Fatal(err)
	}
	again := file(t, nil)
	if _, err := Sign(t.Context(), unsigned, s.certificate, s.sign, again); err != nil {
		t.Fatal(err)
	}
	image := content(t, output)
	switch {
	case signed.RootHash != m.RootHash || len(image) != len(before):
		t.Errorf("root hash %s, %d bytes; unsigned %s, %d", signed.RootHash, len(image), m.RootHash, len(before))
	case !bytes.Equal(image, content(t, again)):
		t.Error("signing twice with RSA gives other bytes")
	case !bytes.Equal(before, content(t, unsigned)):
		t.Error("the unsigned image was changed")
	}
	// As systemd reads it.
	json, zeros, _ := bytes.Cut(image[m.Signature.Offset:m.Signature.Offset+m.Signature.Size], []byte{0})
	if !bytes.HasPrefix(json, []byte(`{"rootHash":"`+m.RootHash+`","certificateFingerprint":"`)) || len(bytes.Trim(zeros, "\x00")) > 0 {
		t.Errorf("the signature partition: %s", json)
	}
	if hash, err := Verify(t.Context(), output, s.certificate); err != nil || hash != m.RootHash {
		t.Errorf("%s, %v", hash, err)
	}
	for signer, f := range map[string]*os.File{"": unsigned, fingerprint(s.certificate): output} {
		d, err := Describe(f, int64(len(image)))
		if err != nil || d.Signer != signer || d.RootHash != m.RootHash || d.Offset != m.Partitions[0].Offset || d.Size != m.Partitions[0].Size {
			t.Errorf("%+v, %v, want signer %q", d, err, signer)
		}
	}
}

func TestVerifySaysWhatIsWrong(t *testing.T) {
	s, other := newSigner(t), newSigner(t)
	unsigned, m := made(t, squashfs(t, 1<<20, 1), "x86-64")
	output := file(t, nil)
	if _, err := Sign(t.Context(), unsigned, s.certificate, s.sign, output); err != nil {
		t.Fatal(err)
	}
	signed := content(t, output)
	_, foreign := made(t, squashfs(t, 1<<20, 2), "x86-64")
	replace := func(image []byte, old, new string) {
		if !bytes.Contains(image, []byte(old)) {
			t.Fatalf("no %q", old)
		}
		copy(image, bytes.Replace(image, []byte(old), []byte(new), 1))
	}
	// changed changes the table, as one would on purpose.
	changed := func(image []byte, change func(*gpt.Table)) {
		table, err := gpt.Read(bytes.NewReader(image), int64(len(image)))
		if err != nil {
			t.Fatal(err)
		}
		change(table)
		if err := table.Write(inMemory(image)); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		change func(image []byte)
		want   []string
	}{
		"nothing":    {func([]byte) {}, nil},
		"data":       {func(i []byte) { i[m.Partitions[0].Offset+9000] ^= 1 }, []string{"data: 1 of 256 blocks"}},
		"hash tree":  {func(i []byte) { i[m.Partitions[1].Offset+8192] ^= 1 }, []string{"hash tree: level 0"}},
		"superblock": {func(i []byte) { i[m.Partitions[1].Offset] ^= 1 }, []string{"hash tree: no verity superblock"}},
		"table":      {func(i []byte) { i[512+20] ^= 1 }, []string{"primary partition table: damaged"}},
		"root hash in the signature": {func(i []byte) { replace(i, `"rootHash":"`+m.RootHash, `"rootHash":"`+foreign.RootHash) },
			[]string{"root hash: the signature is for", "signature: it is not a signature of this content"}},
		"root hash in the UUIDs": {func(i []byte) { changed(i, func(t *gpt.Table) { t.Partitions[0].ID[0] ^= 1 }) },
			[]string{"root hash: the hash tree has", "root hash: the signature is for"}},
		"signature": {func(i []byte) { replace(i, `","signature":"MII`, `","signature":"MIJ`) }, []string{"signature: not a PKCS #7"}},
		"no base64": {func(i []byte) { replace(i, `","signature":"MII`, `","signature":"!!!`) }, []string{"signature: no base64"}},
		"no JSON":   {func(i []byte) { replace(i, `{"rootHash"`, `["rootHash"`) }, []string{"signature: the partition has no JSON"}},
		"fingerprint": {func(i []byte) {
			replace(i, `Fingerprint":"`+fingerprint(s.certificate), `Fingerprint":"`+fingerprint(other.certificate))
		}, []string{"certificate: the image is signed for the one with SHA-256"}},
		"no signature": {func(i []byte) { changed(i, func(t *gpt.Table) { t.Partitions = t.Partitions[:2] }) }, []string{"signature: the image is not signed"}},
		"no hash tree": {func(i []byte) { changed(i, func(t *gpt.Table) { t.Partitions = t.Partitions[:1] }) }, []string{"no root partition with a root-verity"}},
		"another architecture's": {func(i []byte) {
			changed(i, func(t *gpt.Table) { t.Partitions[1].Type = architectures["arm64"].verity })
		}, []string{"no root partition with a root-verity"}},
		"two of a kind": {func(i []byte) {
			changed(i, func(t *gpt.Table) { t.Partitions[2].Type = architectures["x86-64"].verity })
		}, []string{"are of one kind"}},
	} {
		t.Run(name, func(t *testing.T) {
			image := bytes.Clone(signed)
			test.change(image)
			_, err := Verify(t.Context(), file(t, image), s.certificate)
			if test.want == nil && err != nil {
				t.Error(err)
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
			if err != nil && strings.Count(err.Error(), "\n") != len(test.want)-1 {
				t.Errorf("%d problems, want %d: %v", strings.Count(err.Error(), "\n")+1, len(test.want), err)
			}
		})
	}
	_, err := Verify(t.Context(), output, other.certificate)
	for _, want := range []string{"certificate: the image is signed for the one with", "signature: it is not a signature"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("other certificate: got %v, want %q", err, want)
		}
	}
}

// inMemory is an image to be written to.
type inMemory []byte

func (m inMemory) WriteAt(p []byte, offset int64) (int, error) { return copy(m[offset:], p), nil }

func TestSignRefuses(t *testing.T) {
	s := newSigner(t)
	unsigned, m := made(t, squashfs(t, 1<<20, 1), "x86-64")
	signed := file(t, nil)
	if _, err := Sign(t.Context(), unsigned, s.certificate, s.sign, signed); err != nil {
		t.Fatal(err)
	}
	damaged := content(t, unsigned)
	damaged[m.Partitions[0].Offset+9000] ^= 1
	// As small as an image without room for a signature can be.
	full := &gpt.Table{Size: 1 << 20, Partitions: []gpt.Partition{
		{Type: architectures["arm64"].root, Offset: 20480, Size: 512 << 10},
		{Type: architectures["arm64"].verity, Offset: 532 << 10, Size: 1<<20 - gpt.TailSize - 532<<10},
	}}
	crowded := file(t, make([]byte, 1<<20))
	if err := full.Write(crowded); err != nil {
		t.Fatal(err)
	}
	answer := func(der []byte, err error) func([]byte) ([]byte, error) {
		return func([]byte) ([]byte, error) { return der, err }
	}
	foreign, err := s.sign([]byte("another root hash"))
	if err != nil {
		t.Fatal(err)
	}
	for want, test := range map[string]struct {
		from *os.File
		sign func([]byte) ([]byte, error)
	}{
		"signed already":                       {signed, s.sign},
		"a naked squashfs":                     {squashfs(t, 1<<20, 1), s.sign},
		"no GUID partition table":              {file(t, make([]byte, 1<<20)), s.sign},
		"data: 1 of 256 blocks":                {file(t, damaged), s.sign},
		"no room for a signature partition":    {crowded, s.sign},
		"the signer's answer: not a PKCS":      {unsigned, answer([]byte("hello"), nil)},
		"the signer's answer: it is not a sig": {unsigned, answer(foreign, nil)},
		"no token":                             {unsigned, answer(nil, errors.New("no token"))},
	} {
		output := file(t, nil)
		if _, err := Sign(t.Context(), test.from, s.certificate, test.sign, output); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if n := len(content(t, output)); n != 0 {
			t.Errorf("%s: %d bytes were written", want, n)
		}
	}
	// A signer gets the hash as it is signed: hex without a newline.
	_, _ = Sign(t.Context(), unsigned, s.certificate, func(content []byte) ([]byte, error) {
		if hash, err := hex.DecodeString(string(content)); err != nil || len(hash) != 32 {
			t.Errorf("the signer gets %q", content)
		}
		return nil, io.EOF
	}, file(t, nil))
}

// Signed images take the place of the build's, if they are the build's.
func TestSignedIn(t *testing.T) {
	s := newSigner(t)
	named := func(f *os.File) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "hello.raw")
		if err := os.WriteFile(path, content(t, f), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	naked := squashfs(t, 1<<16, 1)
	disk, _ := made(t, naked, "x86-64")
	output := file(t, nil)
	if _, err := Sign(t.Context(), disk, s.certificate, s.sign, output); err != nil {
		t.Fatal(err)
	}
	other, _ := made(t, squashfs(t, 1<<16, 2), "x86-64")
	unsigned, signed := named(disk), named(output)
	if path, err := SignedIn(filepath.Dir(signed), unsigned); err != nil || path != signed {
		t.Errorf("%s, %v", path, err)
	}
	for want, c := range map[string][2]string{
		"no hash tree":     {filepath.Dir(signed), named(naked)},
		"it is not signed": {filepath.Dir(unsigned), unsigned},
		"its root hash is": {filepath.Dir(signed), named(other)},
		"no such file":     {t.TempDir(), unsigned},
	} {
		if _, err := SignedIn(c[0], c[1]); err == nil || !strings.Contains(err.Error(), "hello.raw: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
