package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/verity/ddi"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

// packed makes a squashfs of one file.
func packed(t *testing.T, content string) (path string) {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "file"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	mksquashfs, err := runfile.Program("MKSQUASHFS")
	if err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "hello.raw")
	if out, err := mksquashfs.Command(t.Context(), root, path, "-quiet", "-no-progress", "-all-root", "-all-time", "0", "-mkfs-time", "0", "-comp", "xz").CombinedOutput(); err != nil {
		t.Fatalf("mksquashfs: %v: %s", err, out)
	}
	return path
}

// opened is what the tool reads of a file.
func opened(t *testing.T, path string) image {
	t.Helper()
	i, err := openImage(path)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// made has a file made from another one, under the same name.
func made(t *testing.T, from string, write func(in, out *os.File) error) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), filepath.Base(from))
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(in, out), out.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// withTree adds a hash tree to a squashfs.
func withTree(t *testing.T, squashfs string) (path string) {
	t.Helper()
	return made(t, squashfs, func(in, out *os.File) error {
		_, err := ddi.Make(t.Context(), in, "x86-64", out)
		return err
	})
}

// certified makes a key, and its certificate by itself.
func certified(t *testing.T) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, certificate
}

// signed signs an image, and puts beside it what portable_sign does.
func signed(t *testing.T, disk string) (path string) {
	t.Helper()
	key, certificate := certified(t)
	var signature []byte
	path = made(t, disk, func(in, out *os.File) error {
		result, err := ddi.Sign(t.Context(), in, certificate, func(content []byte) ([]byte, error) {
			return pkcs7.Sign(content, certificate, key)
		}, out)
		if err == nil {
			signature = result.Signature
		}
		return err
	})
	if err := os.WriteFile(strings.TrimSuffix(path, ".raw")+".roothash.p7s", signature, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// Images are read as a host reads them.
func TestOpenImage(t *testing.T) {
	naked := packed(t, "one")
	if i := opened(t, naked); i.verity != nil || i.option != "CONFIG_SQUASHFS_XZ" || slices.Contains(i.modules, "dm_verity") {
		t.Errorf("%+v", i)
	}
	if i := opened(t, withTree(t, naked)); i.verity == nil || i.verity.Signer != "" || i.option != "CONFIG_SQUASHFS_XZ" || !slices.Contains(i.modules, "dm_verity") {
		t.Errorf("%+v", i)
	}
	for _, text := range []string{"hello", ""} {
		if err := os.WriteFile(naked, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := openImage(naked); err == nil || !strings.Contains(err.Error(), "hello.raw: ") {
			t.Errorf("got %v", err)
		}
	}
}

// A host gets root hash and signature beside the image where its systemd looks for them there; with the image
// they go.
func TestSidecars(t *testing.T) {
	disk := withTree(t, packed(t, "one"))
	for _, c := range []struct {
		systemd   int
		image     image
		roothash  bool
		signature bool
	}{
		{247, opened(t, disk), true, false},
		{247, opened(t, signed(t, disk)), true, true},
		{257, opened(t, disk), true, false},
		{257, opened(t, signed(t, disk)), false, false},
		{258, opened(t, disk), false, false},
	} {
		all, err := c.image.sidecars(c.systemd)
		if err != nil || (all["roothash"] != nil) != c.roothash || (all["roothash.p7s"] != nil) != c.signature {
			t.Errorf("systemd %d, %s: %q, %v", c.systemd, c.image.form(), all, err)
		}
	}
	alone := signed(t, disk)
	if err := os.Remove(strings.TrimSuffix(alone, ".raw") + ".roothash.p7s"); err != nil {
		t.Fatal(err)
	}
	if _, err := opened(t, alone).sidecars(249); err == nil || !strings.Contains(err.Error(), "keep what portable_sign wrote together") {
		t.Errorf("got %v", err)
	}

	r := newRig(t, 249)
	r.c.Keep = 1
	sealed := opened(t, signed(t, disk))
	one := r.image("1", units...)
	// The images of the programs that stand in for systemd's are text.
	text := one[""]
	text.verity = sealed.verity
	if err := os.WriteFile(text.path+".roothash.p7s", []byte("\x00signature\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.do("attach", map[string]image{"": text}, "")
	beside := "portables/" + strings.TrimSuffix(text.stored("hello", ""), ".raw") + ".roothash"
	if got := r.read(beside); got != sealed.verity.RootHash {
		t.Errorf("root hash %q, want %s", got, sealed.verity.RootHash)
	}
	if got := r.read(beside + ".p7s"); got != "\x00signature" {
		t.Errorf("signature %q", got)
	}
	r.do("upgrade", r.image("2", append(units, "two")...), "")
	if left := r.stored(); len(left) != 2 {
		t.Errorf("%q, want one image and the history", left)
	}
}

// The image that is attached is fetched, and compared path by path; and so is what a host can verify.
func TestInspect(t *testing.T) {
	r := newRig(t, 257)
	r.c.Unsquashfs = runfile.Of(t, "UNSQUASHFS")
	one, two := packed(t, "one"), packed(t, "more")
	disk := withTree(t, two)
	images := func(path string) map[string]image { return map[string]image{"": opened(t, path)} }
	if got := r.do("inspect", images(one), ""); got != "no image is attached" {
		t.Error(got)
	}
	dropin := filepath.Join(r.o.attached, "hello.service.d/20-portable.conf")
	if err := os.MkdirAll(filepath.Dir(dropin), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		attached, build string
		result          string // or empty
		lines           []string
	}{
		{one, one, "the same bytes", nil},
		{one, two, "", []string{"/file: size 3, against 4", "/file: content"}},
		{one, disk, "", []string{"no hash tree, against root hash ", "/file: size 3, against 4"}},
		{disk, signed(t, disk), "1 difference", []string{", not signed, against root hash ", ", signed with certificate "}},
	} {
		if err := os.WriteFile(dropin, []byte("# Drop-in created for image '"+c.attached+"', do not edit.\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		got := r.do("inspect", images(c.build), "")
		if c.result != "" && got != c.result {
			t.Errorf("%s: %s\n%s", c.result, got, r.said.String())
		}
		for _, line := range c.lines {
			if !strings.Contains(r.said.String(), line) {
				t.Errorf("%q is not in:\n%s", line, r.said.String())
			}
		}
	}
}
