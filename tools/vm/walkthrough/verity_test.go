package walkthrough

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/verity/ddi"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// The images with a hash tree, and what is made with them: see BUILD.bazel.
const (
	verityFiles = guest.Files + "/verity/"
	verityImage = verityFiles + name + ".raw"
	verity2     = verityFiles + name + "_2.raw"
	policy      = verityFiles + "90-signed.conf"

	// trusted is where systemd looks for certificates.
	trusted = "/etc/verity.d"
)

// guesses is the first systemd that finds out an unsigned image's root hash by itself.
// Others must be told: by a file beside the image.
const guesses = 258

// hasVerity says whether this host's systemd has a policy for images, and there are some.
func hasVerity(t *testing.T) bool {
	t.Helper()
	_, err := os.Stat(verityImage)
	return err == nil && systemd(t) >= 254
}

func needsVerity(t *testing.T) {
	t.Helper()
	if !hasVerity(t) {
		t.Skip("no RootImagePolicy= in this systemd, or no image with a hash tree among this test's files")
	}
}

// laid puts an image into a directory of its own, changed at one place.
func laid(t *testing.T, from string, flip int64) (path string) {
	t.Helper()
	content, err := os.ReadFile(from)
	must(t, err)
	if flip > 0 {
		content[flip] ^= 1
	}
	path = filepath.Join(t.TempDir(), filepath.Base(from))
	must(t, os.WriteFile(path, content, 0o644))
	return path
}

// doesNotStart attaches an image whose service must not start, for a reason that the
// journal has.
func doesNotStart(t *testing.T, image, why string) {
	t.Helper()
	attach(t, image)
	said, err := start(service)
	if said += logged(t); err == nil || !regexp.MustCompile(why).MatchString(said) {
		t.Errorf("start: %v, want the reason %q in:\n%s", err, why, said)
	}
}

// withRootHash puts the root hash beside an image, for a systemd that needs it.
func withRootHash(t *testing.T, image string) string {
	t.Helper()
	if systemd(t) < guesses {
		hash := strings.TrimSuffix(filepath.Base(image), ".raw") + ".roothash"
		run(t, "cp", verityFiles+hash, filepath.Join(filepath.Dir(image), hash))
	}
	return image
}

// TestVerityDamage: a byte that was changed is an error, and never an answer. That the
// image serves without that is TestUpgrade's.
func TestVerityDamage(t *testing.T) {
	needsVerity(t)
	info, err := os.Stat(verityImage)
	must(t, err)
	// In the middle there is nothing but the program.
	damaged := withRootHash(t, laid(t, verityImage, info.Size()/2))
	doesNotStart(t, damaged, `verity: .* data block \d+ is corrupted`)
}

// A signer has a key and a certificate, which the host does not trust yet.
type signer struct {
	key         crypto.Signer
	certificate *x509.Certificate
}

func newSigner(t *testing.T, key crypto.Signer, err error) signer {
	t.Helper()
	must(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
	}, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}}, key.Public(), key)
	must(t, err)
	certificate, err := x509.ParseCertificate(der)
	must(t, err)
	return signer{key, certificate}
}

// sign signs an image, and returns the signed one, of the same name.
func (s signer) sign(t *testing.T, image string) (path string) {
	t.Helper()
	unsigned, err := os.Open(image)
	must(t, err)
	defer unsigned.Close()
	path = filepath.Join(t.TempDir(), filepath.Base(image))
	output, err := os.Create(path)
	must(t, err)
	defer output.Close()
	_, err = ddi.Sign(t.Context(), unsigned, s.certificate, func(content []byte) ([]byte, error) {
		return pkcs7.Sign(content, s.certificate, s.key)
	}, output)
	must(t, err)
	return path
}

// trusted makes the host trust a signer until the test ends.
func (s signer) trusted(t *testing.T) {
	t.Helper()
	must(t, os.MkdirAll(trusted, 0o755))
	t.Cleanup(func() { must(t, os.RemoveAll(trusted)) })
	must(t, os.WriteFile(trusted+"/test.crt", s.pem(), 0o644))
}

func (s signer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.certificate.Raw})
}

// TestVeritySigned attaches a signed image to a host that wants the signature of one signer,
// and images that must not start there.
func TestVeritySigned(t *testing.T) {
	needsVerity(t)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	ours := newSigner(t, rsaKey, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other := newSigner(t, ecKey, err)
	signed := ours.sign(t, verityImage)
	// What the kernel says of a signature that it does not trust, and systemd of an image that
	// the policy forbids: ERFKILL.
	const untrusted, forbidden = `verity: Root hash verification failed`, `Operation not possible due to RF-kill`

	text, err := os.ReadFile(policy)
	must(t, err)
	settings(t, service, string(text))
	t.Run("trusted", func(t *testing.T) {
		if systemd(t) == everything {
			t.Skip("TestDeploy and TestChannel start signed images")
		}
		ours.trusted(t)
		attach(t, signed)
		run(t, "systemctl", "start", socket)
		visit(t)
	})
	t.Run("other certificate", func(t *testing.T) {
		other.trusted(t)
		doesNotStart(t, signed, untrusted)
	})
	t.Run("damaged signature", func(t *testing.T) {
		ours.trusted(t)
		doesNotStart(t, laid(t, signed, signatureByte(t, signed)), untrusted)
	})
	t.Run("naked", func(t *testing.T) {
		ours.trusted(t)
		doesNotStart(t, image, forbidden)
	})
}

// signatureByte is where a signed image has a letter of the signature, near its end, that laid makes
// another letter. From some it makes what is not base64, which systemd refuses for that.
func signatureByte(t *testing.T, image string) int64 {
	t.Helper()
	content, err := os.ReadFile(image)
	must(t, err)
	const key = `"signature":"`
	start := bytes.LastIndex(content, []byte(key))
	if start < 0 {
		t.Fatal("no signature")
	}
	start += len(key)
	signature, _, _ := bytes.Cut(content[start:], []byte(`"`))
	for i := len(signature) - 20; i > 0; i-- {
		if c := signature[i]; 'b' <= c && c < 'z' {
			return int64(start + i)
		}
	}
	t.Fatalf("no letter in the signature %q", signature)
	return 0
}

// verity says whether a block device is dm-verity's now.
func verity(t *testing.T) bool {
	t.Helper()
	devices, err := filepath.Glob("/sys/block/dm-*/dm/uuid")
	must(t, err)
	for _, device := range devices {
		uuid, err := os.ReadFile(device)
		must(t, err)
		if strings.HasPrefix(string(uuid), "CRYPT-VERITY-") {
			return true
		}
	}
	return false
}
