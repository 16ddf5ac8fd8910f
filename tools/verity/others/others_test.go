// Package others verifies images and signatures with programs of other projects:
// veritysetup, sfdisk, systemd-dissect and OpenSSL, from Debian's packages.
package others

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/suite"
	"example.org/portable-walkthrough-go/tools/verity/ddi"
)

const (
	veritysetup    = "usr/sbin/veritysetup"
	sfdisk         = "usr/sbin/sfdisk"
	systemdDissect = "usr/bin/systemd-dissect"
	openssl        = "usr/bin/openssl"
	softhsm        = "usr/bin/softhsm2-util"
	// Loaded by OpenSSL.
	pkcs11Provider = "usr/lib/x86_64-linux-gnu/ossl-modules/pkcs11.so"
	softhsmModule  = "usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"

	name = "portable-walkthrough-go"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A bench has the programs and an image.
type bench struct {
	root     *suite.Root
	signer   string
	image    string
	manifest ddi.Manifest
}

func newBench(t *testing.T) *bench {
	t.Helper()
	if runtime.GOARCH != "amd64" || os.Getenv("PROGRAMS") == "" {
		t.Skip("no packages of others' programs for this machine")
	}
	archive, err := runfiles.Rlocation(os.Getenv("PROGRAMS"))
	must(t, err)
	b := &bench{}
	b.root, err = suite.OpenArchive(t.Context(), archive, t.TempDir(), veritysetup, sfdisk, systemdDissect, openssl, softhsm, pkcs11Provider, softhsmModule)
	must(t, err)
	b.image, err = runfile.Path("IMAGE")
	must(t, err)
	b.signer, err = runfile.Path("SIGN")
	must(t, err)
	manifest, err := runfile.Path("PARTITIONS")
	must(t, err)
	text, err := os.ReadFile(manifest)
	must(t, err)
	must(t, json.Unmarshal(text, &b.manifest))
	return b
}

// run runs one of the programs.
func (b *bench) run(t *testing.T, program string, arguments ...string) (said string, err error) {
	t.Helper()
	out, err := b.root.Command(t.Context(), program, arguments...).CombinedOutput()
	t.Logf("%s %q: %v\n%s", filepath.Base(program), arguments, err, out)
	return string(out), err
}

// good verifies that a program succeeds.
func (b *bench) good(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	said, err := b.run(t, program, arguments...)
	if err != nil {
		t.Errorf("%s: %v: %s", filepath.Base(program), err, said)
	}
	return said
}

// bad verifies that it fails.
func (b *bench) bad(t *testing.T, program string, arguments ...string) {
	t.Helper()
	if said, err := b.run(t, program, arguments...); err == nil {
		t.Errorf("%s accepts it: %s", filepath.Base(program), said)
	}
}

// sign signs the image with the arguments, into a new directory.
func (b *bench) sign(t *testing.T, arguments ...string) (directory string) {
	t.Helper()
	directory = t.TempDir()
	cmd := exec.CommandContext(t.Context(), b.signer, append(arguments, "--into="+directory, b.image)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sign %q: %v: %s", arguments, err, out)
	}
	return directory
}

// changed returns a copy of an image, with a bit flipped.
func changed(t *testing.T, image string, at int64) (path string) {
	t.Helper()
	content, err := os.ReadFile(image)
	must(t, err)
	content[at] ^= 1
	path = filepath.Join(t.TempDir(), filepath.Base(image))
	must(t, os.WriteFile(path, content, 0o600))
	return path
}

// onlyRoot is a file of an image's partitions from the root partition on: veritysetup takes an
// offset of the hash tree, and none of the data.
func (b *bench) onlyRoot(t *testing.T, image string) (path, hashOffset string) {
	t.Helper()
	content, err := os.ReadFile(image)
	must(t, err)
	data, tree := b.manifest.Partitions[0], b.manifest.Partitions[1]
	path = filepath.Join(t.TempDir(), "partitions")
	must(t, os.WriteFile(path, content[data.Offset:], 0o600))
	text, err := json.Marshal(tree.Offset - data.Offset)
	must(t, err)
	return path, "--hash-offset=" + string(text)
}

// key makes a key and its certificate.
func (b *bench) key(t *testing.T, kind ...string) (key, certificate string) {
	t.Helper()
	directory := t.TempDir()
	key, certificate = filepath.Join(directory, "key.pem"), filepath.Join(directory, "cert.pem")
	config := filepath.Join(directory, "openssl.cnf")
	must(t, os.WriteFile(config, []byte("[req]\ndistinguished_name = dn\n[dn]\n"), 0o600))
	b.good(t, openssl, append([]string{"req", "-x509", "-config", config, "-subj", "/CN=test", "-nodes", "-keyout", key, "-out", certificate}, kind...)...)
	return key, certificate
}

var (
	rsaKey = []string{"-newkey", "rsa:2048"}
	ecKey  = []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"}
)

func TestUnsigned(t *testing.T) {
	b := newBench(t)
	said := b.good(t, sfdisk, "--verify", b.image)
	if !strings.Contains(said, "No errors detected") {
		t.Errorf("sfdisk: %s", said)
	}
	said = b.good(t, sfdisk, "--dump", b.image)
	for _, p := range b.manifest.Partitions {
		if want := "type=" + strings.ToUpper(p.Type) + ", uuid=" + strings.ToUpper(p.UUID) + `, name="` + p.Label + `", attrs="GUID:60"`; !strings.Contains(said, want) {
			t.Errorf("sfdisk does not show %s: %s", want, said)
		}
	}
	partitions, offset := b.onlyRoot(t, b.image)
	b.good(t, veritysetup, "verify", offset, partitions, partitions, b.manifest.RootHash)
	b.good(t, systemdDissect, "--validate", "--image-policy=root=verity", b.image)

	// The negative controls.
	b.bad(t, systemdDissect, "--validate", "--image-policy=root=signed", b.image)
	partitions, offset = b.onlyRoot(t, changed(t, b.image, b.manifest.Partitions[0].Offset+5000))
	b.bad(t, veritysetup, "verify", offset, partitions, partitions, b.manifest.RootHash)
	if said, _ := b.run(t, sfdisk, "--verify", changed(t, b.image, 512+60)); !strings.Contains(said, "primary GPT table is corrupt") {
		t.Errorf("sfdisk sees nothing: %s", said)
	}
}

// veritysetup makes the tree of the same superblock: the bytes are equal.
func TestTreeIsVeritysetups(t *testing.T) {
	b := newBench(t)
	partitions, _ := b.onlyRoot(t, b.image)
	content, err := os.ReadFile(partitions)
	must(t, err)
	data, tree, v := b.manifest.Partitions[0], b.manifest.Partitions[1], b.manifest.Verity
	only, made := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "tree")
	must(t, os.WriteFile(only, content[:data.Size], 0o600))
	must(t, os.WriteFile(made, nil, 0o600))
	b.good(t, veritysetup, "format", "--salt="+v.Salt, "--uuid="+v.UUID, only, made)
	theirs, err := os.ReadFile(made)
	must(t, err)
	if !bytes.Equal(theirs, content[data.Size:data.Size+tree.Size]) {
		t.Error("veritysetup makes another hash tree")
	}
}

func TestSigned(t *testing.T) {
	b := newBench(t)
	for kind, arguments := range map[string][]string{"RSA": rsaKey, "ECDSA": ecKey} {
		t.Run(kind, func(t *testing.T) {
			key, certificate := b.key(t, arguments...)
			_, other := b.key(t, arguments...)
			directory := b.sign(t, "--key="+key, "--certificate="+certificate)
			image := filepath.Join(directory, name+".raw")
			b.good(t, systemdDissect, "--validate", "--image-policy=root=signed", image)
			b.good(t, sfdisk, "--verify", image)
			hash, signature := filepath.Join(directory, name+".roothash"), filepath.Join(directory, name+".roothash.p7s")
			// As systemd verifies it: with the host's certificates, whatever their dates and issuers.
			verify := func(certificate string) []string {
				return []string{"smime", "-verify", "-binary", "-inform", "der", "-in", signature, "-content", hash, "-certfile", certificate, "-nointern", "-noverify"}
			}
			b.good(t, openssl, verify(certificate)...)
			b.bad(t, openssl, verify(other)...)
			if kind != "RSA" {
				return
			}
			theirs := filepath.Join(t.TempDir(), "p7s")
			b.good(t, openssl, "smime", "-sign", "-nocerts", "-noattr", "-binary", "-outform", "der", "-in", hash, "-signer", certificate, "-inkey", key, "-out", theirs)
			same(t, signature, theirs)
		})
	}
}

// same verifies that two files have the same bytes.
func same(t *testing.T, a, b string) {
	t.Helper()
	one, err := os.ReadFile(a)
	must(t, err)
	other, err := os.ReadFile(b)
	must(t, err)
	if !bytes.Equal(one, other) {
		t.Errorf("%s and %s differ", a, b)
	}
}

// OpenSSL's encrypted keys, in the forms that it has written by default over the years.
func TestEncryptedKeys(t *testing.T) {
	b := newBench(t)
	key, certificate := b.key(t, rsaKey...)
	want := filepath.Join(b.sign(t, "--key="+key, "--certificate="+certificate), name+".raw")
	directory := t.TempDir()
	passphrase, wrong := filepath.Join(directory, "passphrase"), filepath.Join(directory, "wrong")
	must(t, os.WriteFile(passphrase, []byte("open sesame\n"), 0o600))
	must(t, os.WriteFile(wrong, []byte("open barley\n"), 0o600))
	encrypted := filepath.Join(directory, "key.pem")
	for _, form := range []string{
		"pkey -aes256", "pkey -aes128", "pkey -des3", "rsa -traditional -aes256", "rsa -traditional -des3",
		"pkcs8 -topk8 -v2 aes-192-cbc -v2prf hmacWithSHA1", "pkcs8 -topk8 -v2 aes-256-cbc -v2prf hmacWithSHA512",
	} {
		words := strings.Fields(form)
		b.good(t, openssl, append(words, "-in", key, "-out", encrypted, "-passout", "file:"+passphrase)...)
		same(t, want, filepath.Join(b.sign(t, "--key="+encrypted, "--passphrase-file="+passphrase, "--certificate="+certificate), name+".raw"))
		cmd := exec.CommandContext(t.Context(), b.signer, "--key="+encrypted, "--passphrase-file="+wrong, "--certificate="+certificate, "--into="+t.TempDir(), b.image)
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "the passphrase is wrong") {
			t.Errorf("%s, a wrong passphrase: %v: %s", form, err, out)
		}
	}
}

// A key in a token signs without leaving it, with the same bytes as the key itself.
func TestToken(t *testing.T) {
	b := newBench(t)
	key, certificate := b.key(t, rsaKey...)
	directory := t.TempDir()
	must(t, os.Mkdir(filepath.Join(directory, "tokens"), 0o700))
	config, pin := filepath.Join(directory, "softhsm2.conf"), filepath.Join(directory, "pin")
	must(t, os.WriteFile(config, []byte("directories.tokendir = "+directory+"/tokens\nobjectstore.backend = file\n"), 0o600))
	must(t, os.WriteFile(pin, []byte("4321\n"), 0o600))
	module := filepath.Join(b.root.Dir, softhsmModule)
	t.Setenv("SOFTHSM2_CONF", config)
	b.good(t, softhsm, "--module", module, "--init-token", "--free", "--label", "test", "--so-pin", "1234", "--pin", "4321")
	b.good(t, softhsm, "--module", module, "--import", key, "--token", "test", "--label", "signing", "--id", "01", "--pin", "4321")

	// openssl, as sign finds it on a machine.
	words := b.root.Command(t.Context(), openssl).Args
	wrapper := "#!/bin/sh\nexec '" + strings.Join(words, "' '") + "' \"$@\"\n"
	must(t, os.WriteFile(filepath.Join(directory, "openssl"), []byte(wrapper), 0o700))
	t.Setenv("PATH", directory+":"+os.Getenv("PATH"))
	t.Setenv("OPENSSL_MODULES", filepath.Join(b.root.Dir, filepath.Dir(pkcs11Provider)))
	t.Setenv("PKCS11_PROVIDER_MODULE", module)
	token := b.sign(t, "--key=pkcs11:token=test;object=signing;type=private", "--passphrase-file="+pin, "--certificate="+certificate)
	file := b.sign(t, "--key="+key, "--certificate="+certificate)
	same(t, filepath.Join(token, name+".raw"), filepath.Join(file, name+".raw"))
}
