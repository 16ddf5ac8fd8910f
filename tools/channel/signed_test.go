package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/verity/ddi"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

// create makes a file, and has it written.
func create(t *testing.T, path string, write func(out *os.File) error) {
	t.Helper()
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(write(out), out.Close()); err != nil {
		t.Fatal(err)
	}
}

// Images with a hash tree are published with their root hashes, signed or not. A version is either of them.
func TestSigned(t *testing.T) {
	squashfs := make([]byte, 8192)
	copy(squashfs, "hsqs")
	binary.LittleEndian.PutUint64(squashfs[40:], uint64(len(squashfs)))
	from, err := os.Create(filepath.Join(t.TempDir(), "squashfs"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if _, err := from.Write(squashfs); err != nil {
		t.Fatal(err)
	}
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
	// The outputs of portable_verity, and those of portable_sign for them.
	made, signed := t.TempDir(), t.TempDir()
	disk := filepath.Join(made, "hello_1.raw")
	create(t, disk, func(out *os.File) error {
		manifest, err := ddi.Make(t.Context(), from, "x86-64", out)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(made, "hello_1.roothash"), []byte(manifest.RootHash), 0o644); err != nil {
			return err
		}
		create(t, filepath.Join(signed, "hello_1.raw"), func(sealed *os.File) error {
			_, err := ddi.Sign(t.Context(), out, certificate, func(content []byte) ([]byte, error) {
				return pkcs7.Sign(content, certificate, key)
			}, sealed)
			return err
		})
		return nil
	})
	of := func(version string) publication {
		p := build(t, version, "")
		p.config.Images = map[string]string{
			"hello_" + version + "_x86-64.raw":      disk,
			"hello_" + version + "_x86-64.roothash": filepath.Join(made, "hello_1.roothash"),
		}
		return p
	}
	into := directory(t.TempDir())
	if err := of("1").publish(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	containsOnly(t, string(into), "hello_1_x86-64.raw", "hello_1_x86-64.roothash")

	again := of("1")
	if err := again.takeSigned(made); err == nil || !strings.Contains(err.Error(), "it is not signed") {
		t.Errorf("got %v", err)
	}
	if err := again.takeSigned(signed); err != nil {
		t.Fatal(err)
	}
	if err := again.publish(t.Context(), into); err == nil || !strings.Contains(err.Error(), "is published with other bytes") {
		t.Errorf("got %v", err)
	}
	two, three := of("2"), of("3")
	for _, p := range []publication{two, three} {
		if err := p.takeSigned(signed); err != nil {
			t.Fatal(err)
		}
		if err := p.publish(t.Context(), into); err != nil {
			t.Fatal(err)
		}
	}
	// All files of the oldest version are gone.
	containsOnly(t, string(into), "hello_2_x86-64.raw", "hello_2_x86-64.roothash", "hello_3_x86-64.raw", "hello_3_x86-64.roothash")
	if published, err := os.ReadFile(into.path("hello_3_x86-64.raw")); err != nil || !bytes.Contains(published, []byte("certificateFingerprint")) {
		t.Errorf("what is published is not signed, %v", err)
	}
}
