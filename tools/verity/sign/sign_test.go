package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.org/portable-walkthrough-go/tools/verity/ddi"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
	"example.org/portable-walkthrough-go/tools/verity/smalldisk"
)

// asSign makes the test binary be the program.
const asSign = "TEST_AS_SIGN"

func TestMain(m *testing.M) {
	if os.Getenv(asSign) != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A place has an unsigned image, and keys with certificates.
type place struct{ directory string }

func (p place) path(name string) string { return filepath.Join(p.directory, name) }

const passphrase = "open sesame"

func newPlace(t *testing.T) place {
	t.Helper()
	p := place{t.TempDir()}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	ecDER, err := x509.MarshalECPrivateKey(other)
	must(t, err)
	der := x509.MarshalPKCS1PrivateKey(key)
	// OpenSSL still makes such keys.
	encrypted, err := x509.EncryptPEMBlock(rand.Reader, "RSA PRIVATE KEY", der, []byte(passphrase), x509.PEMCipherAES256)
	must(t, err)
	certificate := func(public, private any, from, to time.Time) *pem.Block {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: from, NotAfter: to}
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
		must(t, err)
		return &pem.Block{Type: "CERTIFICATE", Bytes: der}
	}
	now := time.Now()
	for name, block := range map[string]*pem.Block{
		"key.pem":       {Type: "RSA PRIVATE KEY", Bytes: der},
		"encrypted.pem": encrypted,
		"other.key.pem": {Type: "EC PRIVATE KEY", Bytes: ecDER},
		"cert.pem":      certificate(&key.PublicKey, key, now.Add(-time.Hour), now.Add(time.Hour)),
		"other.pem":     certificate(&other.PublicKey, other, now.Add(-time.Hour), now.Add(time.Hour)),
		"expired.pem":   certificate(&key.PublicKey, key, now.Add(-2*time.Hour), now.Add(-time.Hour)),
		"future.pem":    certificate(&key.PublicKey, key, now.Add(time.Hour), now.Add(2*time.Hour)),
	} {
		must(t, os.WriteFile(p.path(name), pem.EncodeToMemory(block), 0o600))
	}
	must(t, os.WriteFile(p.path("passphrase"), []byte(passphrase+"\n"), 0o600))
	must(t, os.WriteFile(p.path("wrong"), []byte("wrong\n"), 0o600))
	must(t, os.Mkdir(p.path("unsigned"), 0o755))
	for i, name := range []string{"one.raw", "two.raw"} {
		squashfs := make([]byte, 1<<20)
		copy(squashfs, "hsqs")
		binary.LittleEndian.PutUint64(squashfs[40:], uint64(len(squashfs)))
		squashfs[4096] = byte(i)
		must(t, os.WriteFile(p.path("naked.raw"), squashfs, 0o600))
		from, err := os.Open(p.path("naked.raw"))
		must(t, err)
		to, err := os.Create(p.path("unsigned/" + name))
		must(t, err)
		_, err = ddi.Make(t.Context(), from, "arm64", to)
		must(t, err)
		must(t, from.Close())
		must(t, to.Close())
	}
	return p
}

// run is the program, in the place, as Bazel starts it.
func (p place) run(ctx context.Context, arguments ...string) (out string, err error) {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", arguments...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), asSign+"=1", "BUILD_WORKING_DIRECTORY="+p.directory,
		fmt.Sprintf("%s=[%q,%q]", imagesVariable, p.path("unsigned/one.raw"), p.path("unsigned/two.raw")))
	// Without a terminal, even if the user's test has one.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	b, err := cmd.CombinedOutput()
	return string(b), err
}

// files are those of a directory below the place, with a word on their content.
func (p place) files(t *testing.T, directory string) string {
	t.Helper()
	entries, err := os.ReadDir(p.path(directory))
	if os.IsNotExist(err) {
		return "no directory"
	}
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

const bothSigned = "one.raw one.roothash one.roothash.p7s two.raw two.roothash two.roothash.p7s"

func TestSignAndVerify(t *testing.T) {
	p := newPlace(t)
	said, err := p.run(t.Context(), "--key=key.pem", "--certificate=cert.pem", "--into=a/signed")
	if err != nil || strings.Count(said, "root hash ") != 2 {
		t.Fatalf("%v: %s", err, said)
	}
	// A second time, over the first; and by a command, to elsewhere.
	if said, err := p.run(t.Context(), "--key=key.pem", "--certificate=cert.pem", "--into=a/signed"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if got := p.files(t, "a/signed"); got != bothSigned {
		t.Errorf("got %s", got)
	}
	hash, err := os.ReadFile(p.path("a/signed/one.roothash"))
	must(t, err)
	der, err := os.ReadFile(p.path("a/signed/one.roothash.p7s"))
	must(t, err)
	text, err := os.ReadFile(p.path("cert.pem"))
	must(t, err)
	certificate, err := pkcs7.ParseCertificate(text)
	must(t, err)
	if err := pkcs7.Verify(der, hash, certificate); err != nil {
		t.Errorf("one.roothash.p7s is no signature of one.roothash: %v", err)
	}
	said, err = p.run(t.Context(), "--certificate=cert.pem", "--into=b", "--signer=tee asked >/dev/null; cat a/signed/one.roothash.p7s", "unsigned/one.raw")
	if err != nil {
		t.Fatalf("--signer: %v: %s", err, said)
	}
	if asked, err := os.ReadFile(p.path("asked")); err != nil || !bytes.Equal(asked, hash) {
		t.Errorf("the signer was asked to sign %q, want %q", asked, hash)
	}
	one, err := os.ReadFile(p.path("a/signed/one.raw"))
	must(t, err)
	again, err := os.ReadFile(p.path("b/one.raw"))
	must(t, err)
	if !bytes.Equal(one, again) {
		t.Error("the same signature gives other bytes")
	}

	for name, test := range map[string]struct {
		arguments []string
		want      string // "" for no error
	}{
		"all":               {[]string{"--into=a/signed"}, ""},
		"one":               {[]string{"b/one.raw"}, ""},
		"unsigned":          {[]string{"unsigned/one.raw"}, "signature: the image is not signed"},
		"naked":             {[]string{"naked.raw"}, "naked squashfs"},
		"none":              {[]string{"b/none.raw"}, "no such file"},
		"one of two is bad": {[]string{"b/one.raw", "unsigned/one.raw"}, "is not signed"},
	} {
		said, err := p.run(t.Context(), append([]string{"--verify", "--certificate=cert.pem"}, test.arguments...)...)
		if (err == nil) != (test.want == "") || !strings.Contains(said, test.want) {
			t.Errorf("--verify, %s: %v, %s", name, err, said)
		}
	}
	if said, err := p.run(t.Context(), "--verify", "--certificate=other.pem", "b/one.raw"); err == nil || !strings.Contains(said, "certificate: ") {
		t.Errorf("--verify with another certificate: %v, %s", err, said)
	}
}

// Paths of secrets may be in the environment, where bazel run does not print them. Flags take
// precedence, and variables for signing do not affect --verify.
func TestEnvironment(t *testing.T) {
	p := newPlace(t)
	t.Setenv("SIGN_KEY", "encrypted.pem")
	t.Setenv("SIGN_CERTIFICATE", "cert.pem")
	t.Setenv("SIGN_PASSPHRASE_FILE", "passphrase")
	for _, arguments := range [][]string{
		{"--into=signed"},
		{"--into=signed", "--verify"},
		{"--into=signed", "--key=key.pem"},
		{"--into=other", "--key=other.key.pem", "--certificate=other.pem"},
		{"--into=third", "--signer=cat signed/one.roothash.p7s", "unsigned/one.raw"},
	} {
		if said, err := p.run(t.Context(), arguments...); err != nil {
			t.Errorf("%q: %v: %s", arguments, err, said)
		}
	}
	t.Setenv("SIGN_PASSPHRASE_FILE", "wrong")
	if said, err := p.run(t.Context(), "--into=signed"); err == nil || !strings.Contains(said, "--key: the passphrase is wrong") {
		t.Errorf("a wrong passphrase: %v: %s", err, said)
	}
}

// An error names the flag or the image, and no file is left. It contains neither a secret nor the
// path of one.
func TestRefusals(t *testing.T) {
	p := newPlace(t)
	key, certificate, into := "--key=key.pem", "--certificate=cert.pem", "--into=signed"
	if said, err := p.run(t.Context(), key, certificate, "--into=done"); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	must(t, os.WriteFile(p.path("file"), nil, 0o600))
	must(t, os.WriteFile(p.path("large"), make([]byte, maxFile+1), 0o600))
	must(t, os.WriteFile(p.path("image.img"), nil, 0o600))
	for name, test := range map[string]struct {
		arguments []string
		want      string
	}{
		"no certificate":       {[]string{key, into}, "--certificate is missing"},
		"no key":               {[]string{certificate, into}, "give one of --key and --signer"},
		"key and signer":       {[]string{key, "--signer=true", certificate, into}, "give one of --key and --signer"},
		"no directory":         {[]string{key, certificate}, "--into is missing"},
		"verify with a key":    {[]string{"--verify", key, certificate, into}, "--verify needs no key"},
		"verify nothing":       {[]string{"--verify", certificate}, "name the images to verify"},
		"unknown flag":         {[]string{"--sign"}, "not defined: -sign; --help lists the flags"},
		"key is not there":     {[]string{"--key=none.pem", certificate, into}, "--key: no such file"},
		"key is a certificate": {[]string{"--key=cert.pem", certificate, into}, "--key: no private key in PEM"},
		"key is large":         {[]string{"--key=large", certificate, into}, "--key: the file is larger"},
		"certificate is a key": {[]string{key, "--certificate=key.pem", into}, "--certificate: no X.509 certificate"},
		"key does not fit":     {[]string{key, "--certificate=other.pem", into}, "--key and --certificate: the key is not the one"},
		"no passphrase":        {[]string{"--key=encrypted.pem", certificate, into}, "no terminal to ask for the passphrase; give --passphrase-file"},
		"wrong passphrase":     {[]string{"--key=encrypted.pem", "--passphrase-file=wrong", certificate, into}, "--key: the passphrase is wrong"},
		"no passphrase file":   {[]string{"--key=encrypted.pem", "--passphrase-file=none", certificate, into}, "--passphrase-file: no such file"},
		"PIN in the argument":  {[]string{"--key=pkcs11:token=a;pin-value=1234", certificate, into}, "pin-value= puts the PIN on a command line"},
		"signed already":       {[]string{key, certificate, into, "done/one.raw"}, "one.raw: signed already; give the unsigned image"},
		"naked":                {[]string{key, certificate, into, "naked.raw"}, "naked.raw: a naked squashfs, which has no hash tree"},
		"no image":             {[]string{key, certificate, into, "none.raw"}, "none.raw: no such file"},
		"name without .raw":    {[]string{key, certificate, into, "image.img"}, "does not end in .raw"},
		"one name twice":       {[]string{key, certificate, into, "unsigned/one.raw", "done/../unsigned/one.raw"}, "have one name"},
		"good and bad":         {[]string{key, certificate, into, "unsigned/one.raw", "naked.raw"}, "naked.raw: a naked squashfs"},
		"over the unsigned":    {[]string{key, certificate, "--into=unsigned"}, "--into is the directory of the unsigned image"},
		"into a file":          {[]string{key, certificate, "--into=file"}, "--into: " + p.path("file") + " is not a directory; give one"},
		"signer says little":   {[]string{"--signer=echo hi", certificate, into}, "the signer's answer: not a PKCS #7 signature in DER"},
		"signer fails":         {[]string{"--signer=exit 3", certificate, into}, "--signer: exit status 3"},
		"signer says nothing":  {[]string{"--signer=true", certificate, into}, "the signer's answer: not a PKCS #7 signature in DER; make it with"},
	} {
		t.Run(name, func(t *testing.T) {
			said, err := p.run(t.Context(), test.arguments...)
			if err == nil || !strings.Contains(said, test.want) {
				t.Errorf("%v: got %q, want %q", err, said, test.want)
			}
			if got := p.files(t, "signed"); got != "no directory" {
				t.Errorf("left: %s", got)
			}
			for _, secret := range []string{passphrase, "1234", "key.pem", "cert.pem", "encrypted.pem", "/passphrase", "PRIVATE"} {
				if strings.Contains(said, secret) {
					t.Errorf("it prints %q: %s", secret, said)
				}
			}
		})
	}
	if got := p.files(t, "unsigned"); got != "one.raw two.raw" {
		t.Errorf("beside the unsigned images: %s", got)
	}
	if got := p.files(t, "done"); got != bothSigned {
		t.Errorf("of before: %s", got)
	}
}

func TestDates(t *testing.T) {
	p := newPlace(t)
	for certificate, want := range map[string]string{
		"cert.pem":    "",
		"expired.pem": "warning: --certificate: it expired on ",
		"future.pem":  "warning: --certificate: it is not valid before ",
	} {
		said, err := p.run(t.Context(), "--key=key.pem", "--certificate="+certificate, "--into=signed")
		if err != nil || !strings.Contains(said, want) || (want == "") != !strings.Contains(said, "warning") {
			t.Errorf("%s: %v, %s", certificate, err, said)
		}
	}
}

func TestPassphraseFile(t *testing.T) {
	p := newPlace(t)
	if said, err := p.run(t.Context(), "--key=encrypted.pem", "--passphrase-file=passphrase", "--certificate=cert.pem", "--into=signed"); err != nil {
		t.Errorf("%v: %s", err, said)
	}
}

// terminal returns both ends of a new terminal: the user's, and the program's.
func terminal(t *testing.T) (hand, program *os.File) {
	t.Helper()
	hand, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	must(t, err)
	t.Cleanup(func() { hand.Close() })
	must(t, unix.IoctlSetPointerInt(int(hand.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(hand.Fd()), unix.TIOCGPTN)
	must(t, err)
	program, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { program.Close() })
	return hand, program
}

// Without a file for it, the passphrase is asked for on the terminal, and not shown there.
func TestPassphraseOnTheTerminal(t *testing.T) {
	p := newPlace(t)
	hand, program := terminal(t)
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "--key=encrypted.pem", "--certificate=cert.pem", "--into=signed", "unsigned/one.raw")
	cmd.Env = append(os.Environ(), asSign+"=1", "BUILD_WORKING_DIRECTORY="+p.directory)
	cmd.Stdin = program
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	must(t, cmd.Start())
	var shown []byte
	for buffer := make([]byte, 1024); !bytes.Contains(shown, []byte("Passphrase of the key: ")); {
		n, err := hand.Read(buffer)
		must(t, err)
		shown = append(shown, buffer[:n]...)
	}
	_, err := hand.WriteString(passphrase + "\n")
	must(t, err)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, said.String())
	}
	settings, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	must(t, err)
	if settings.Lflag&unix.ECHO == 0 {
		t.Error("the terminal shows nothing any more")
	}
	n, err := hand.Read(make([]byte, 1024))
	must(t, err)
	if strings.Contains(string(shown), passphrase) || n > 2 {
		t.Errorf("shown: %q and %d bytes", shown, n)
	}
}

func TestFullDisk(t *testing.T) {
	p := newPlace(t)
	smalldisk.Run(t, "1500k", func(directory string) {
		// There is room for one image, and not for two.
		said, err := p.run(t.Context(), "--key=key.pem", "--certificate=cert.pem", "--into="+directory+"/new")
		if err == nil || !strings.Contains(said, "no space left on device") {
			t.Errorf("%v: %s", err, said)
		}
		if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
			t.Errorf("left: %v, %v", left, err)
		}
		// The negative control.
		if said, err := p.run(t.Context(), "--key=key.pem", "--certificate=cert.pem", "--into="+directory, "unsigned/one.raw"); err != nil {
			t.Errorf("one image: %v: %s", err, said)
		}
	})
}
