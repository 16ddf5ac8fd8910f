package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/tools/dsse"
	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/verity/ddi"
	"example.org/portable-walkthrough-go/tools/verity/outputs"
	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

const usage = `usage: bazel run TARGET -- --key=KEY.pem --certificate=CERTIFICATE.pem --into=DIRECTORY [IMAGE...]
       bazel run TARGET -- --signer=COMMAND --certificate=CERTIFICATE.pem --into=DIRECTORY [IMAGE...]
       bazel run TARGET -- --verify --certificate=CERTIFICATE.pem IMAGE...

Signs the target's images, or those that are named instead, into a directory; or verifies
signed ones.

bazel run prints its command line. The variables $SIGN_KEY, $SIGN_CERTIFICATE and
$SIGN_PASSPHRASE_FILE stand for flags that are left out, and nothing prints them.

`

// imagesVariable names the target's images, and documentsVariable their documents, as JSON.
const imagesVariable, documentsVariable = "SIGN_IMAGES", "SIGN_DOCUMENTS"

// A usageError is a mistake on the command line.
type usageError string

func (e usageError) Error() string { return string(e) }

// A command is the parsed command line.
type command struct {
	key, signer, passphraseFile, certificate, into string
	verify                                         bool
	images                                         []string
	// documents are the target's; there are none for images that are named.
	documents []string

	now  func() time.Time
	out  io.Writer
	warn func(format string, values ...any)
}

// parse reads the command line, and the environment for what it leaves out. Paths are relative to where the user is.
func parse(arguments []string, help io.Writer) (*command, error) {
	c := &command{now: time.Now}
	flags := flag.NewFlagSet("sign", flag.ContinueOnError)
	// Errors are the caller's to print.
	flags.SetOutput(io.Discard)
	flags.StringVar(&c.key, "key", "", "sign with this private `key`: a PEM file (RSA or ECDSA, encrypted or not), or pkcs11:… for one in a token")
	flags.StringVar(&c.signer, "signer", "", "sign with this shell `command`: it gets the root hash in hex, or the text of a DSSE envelope, on its standard input, and answers with PKCS #7 in DER")
	flags.StringVar(&c.certificate, "certificate", "", "the key's X.509 certificate, a `file` in PEM or DER")
	flags.StringVar(&c.passphraseFile, "passphrase-file", "", "open an encrypted key, or a token, with the first line of this `file`, and do not ask on the terminal")
	flags.StringVar(&c.into, "into", "", "the `directory` for NAME.raw, NAME.roothash and NAME.roothash.p7s, and for the target's signed documents")
	flags.BoolVar(&c.verify, "verify", false, "verify signed images, by default those in the directory of --into")
	if err := flags.Parse(arguments); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(help)
			fmt.Fprint(help, usage)
			flags.PrintDefaults()
			os.Exit(0)
		}
		return nil, usageError(err.Error() + "; --help lists the flags")
	}
	c.fromEnvironment()
	switch {
	case c.certificate == "":
		return nil, usageError("--certificate is missing: give the signer's certificate, or its path in $SIGN_CERTIFICATE")
	case c.verify && (c.key != "" || c.signer != ""):
		return nil, usageError("--verify needs no key: leave --key and --signer out")
	case !c.verify && c.into == "":
		return nil, usageError("--into is missing: give the directory for the signed images")
	case !c.verify && (c.key == "") == (c.signer == ""):
		return nil, usageError("give one of --key and --signer, or the key's path in $SIGN_KEY")
	}
	for _, path := range []*string{&c.certificate, &c.passphraseFile, &c.into} {
		*path = runfile.Argument(*path)
	}
	if !isToken(c.key) {
		c.key = runfile.Argument(c.key)
	}
	for _, image := range flags.Args() {
		c.images = append(c.images, runfile.Argument(image))
	}
	if len(c.images) > 0 {
		return c, nil
	}
	for variable, files := range map[string]*[]string{imagesVariable: &c.images, documentsVariable: &c.documents} {
		if text := os.Getenv(variable); text != "" {
			if err := json.Unmarshal([]byte(text), files); err != nil {
				return nil, fmt.Errorf("$%s: %w", variable, err)
			}
		}
	}
	if c.verify {
		if c.into == "" {
			return nil, usageError("name the images to verify, or their directory with --into")
		}
		for i, image := range c.images {
			c.images[i] = filepath.Join(c.into, filepath.Base(image))
		}
	}
	if len(c.images) == 0 {
		return nil, usageError("no image to work on: name one, or run a portable_sign target")
	}
	return c, nil
}

// fromEnvironment fills in what the command line leaves out, so that no path of a secret need
// be on it.
func (c *command) fromEnvironment() {
	if c.certificate == "" {
		c.certificate = os.Getenv("SIGN_CERTIFICATE")
	}
	if c.passphraseFile == "" {
		c.passphraseFile = os.Getenv("SIGN_PASSPHRASE_FILE")
	}
	if c.key == "" && c.signer == "" && !c.verify {
		c.key = os.Getenv("SIGN_KEY")
	}
}

func (c *command) run(ctx context.Context) error {
	certificate, err := c.readCertificate()
	if err != nil {
		return err
	}
	if c.verify {
		return c.verifyAll(ctx, certificate)
	}
	return c.signAll(ctx, certificate)
}

// maxFile limits keys, certificates and passphrases, in bytes.
const maxFile = 1 << 20

// readFlag reads a file that a flag names. The error names the flag and not the file, so
// that no log says where secrets are.
func readFlag(name, path string) ([]byte, error) {
	file, err := os.Open(path)
	if err == nil {
		defer file.Close()
		var content []byte
		if content, err = io.ReadAll(io.LimitReader(file, maxFile+1)); err == nil && len(content) <= maxFile {
			return content, nil
		}
	}
	var where *fs.PathError
	switch {
	case errors.As(err, &where):
		err = where.Err
	case err == nil:
		err = fmt.Errorf("the file is larger than %d bytes", maxFile)
	}
	return nil, fmt.Errorf("--%s: %w", name, err)
}

func (c *command) readCertificate() (*x509.Certificate, error) {
	content, err := readFlag("certificate", c.certificate)
	if err != nil {
		return nil, err
	}
	certificate, err := pkcs7.ParseCertificate(content)
	if err != nil {
		return nil, fmt.Errorf("--certificate: %w", err)
	}
	const consequence = "; systemd does not look at the date, other verifiers may"
	switch now := c.now(); {
	case now.After(certificate.NotAfter):
		c.warn("--certificate: it expired on %s"+consequence, certificate.NotAfter.UTC().Format(time.DateTime))
	case now.Before(certificate.NotBefore):
		c.warn("--certificate: it is not valid before %s"+consequence, certificate.NotBefore.UTC().Format(time.DateTime))
	}
	return certificate, nil
}

func (c *command) signAll(ctx context.Context, certificate *x509.Certificate) (err error) {
	sign, err := c.newSigner(ctx, certificate)
	if err != nil {
		return err
	}
	switch info, missing := os.Stat(c.into); {
	case missing == nil && !info.IsDir():
		return fmt.Errorf("--into: %s is not a directory; give one, or a new name", c.into)
	case errors.Is(missing, fs.ErrNotExist):
		if err := os.MkdirAll(c.into, 0o777); err != nil {
			return fmt.Errorf("--into: %w", err)
		}
		// It stays if something was put into it.
		defer func() {
			if err != nil {
				_ = os.Remove(c.into)
			}
		}()
	}
	var files outputs.Files
	defer files.Discard()
	seen, subjects := map[string]string{}, map[string][]dsse.Resource{}
	var said []string
	for _, image := range c.images {
		base := filepath.Base(image)
		if other, ok := seen[base]; ok {
			return fmt.Errorf("%s and %s have one name: sign them into two directories", other, image)
		}
		seen[base] = image
		hash, digest, err := signOne(ctx, &files, image, filepath.Join(c.into, base), certificate, sign)
		if err != nil {
			return fmt.Errorf("%s: %w", image, err)
		}
		unsigned, err := sha256sum.OfFile(image)
		if err != nil {
			return fmt.Errorf("%s: %w", image, err)
		}
		subjects[base] = []dsse.Resource{dsse.File(base, digest), dsse.File("unsigned/"+base, unsigned)}
		said = append(said, fmt.Sprintf("signed %s, root hash %s", filepath.Join(c.into, base), hash))
	}
	for _, document := range c.documents {
		to := c.envelope(document)
		image, err := imageOf(document)
		if err == nil {
			err = signDocument(&files, document, to, subjects[image], certificate, sign)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", document, err)
		}
		said = append(said, "signed "+to)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := files.Commit(); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.out, strings.Join(said, "\n"))
	return err
}

func signOne(ctx context.Context, files *outputs.Files, image, to string, certificate *x509.Certificate, sign func([]byte) ([]byte, error)) (rootHash, digest string, err error) {
	from, err := os.Open(image)
	if err != nil {
		return "", "", err
	}
	defer from.Close()
	name, ok := strings.CutSuffix(to, ".raw")
	if !ok {
		return "", "", errors.New("the file's name does not end in .raw, as portablectl wants it")
	}
	if there, err := os.Stat(to); err == nil {
		if info, err := from.Stat(); err == nil && os.SameFile(info, there) {
			return "", "", errors.New("--into is the directory of the unsigned image, which signing must not change: give another one")
		}
	}
	output, err := files.Create(to)
	if err != nil {
		return "", "", err
	}
	signed, err := ddi.Sign(ctx, from, certificate, sign, output)
	if err != nil {
		return "", "", err
	}
	if _, err := output.Seek(0, io.SeekStart); err != nil {
		return "", "", err
	}
	if digest, err = sha256sum.Of(output); err != nil {
		return "", "", err
	}
	return signed.RootHash, digest, errors.Join(
		files.Write(name+".roothash", signed.RootHash),
		files.Write(name+".roothash.p7s", string(signed.Signature)),
	)
}

func (c *command) verifyAll(ctx context.Context, certificate *x509.Certificate) error {
	var bad []error
	for _, name := range c.images {
		hash, err := verifyOne(ctx, name, certificate)
		if err != nil {
			for problem := range strings.Lines(err.Error()) {
				bad = append(bad, fmt.Errorf("%s: %s", name, strings.TrimSpace(problem)))
			}
			continue
		}
		fmt.Fprintf(c.out, "%s: good, root hash %s\n", name, hash)
	}
	for _, document := range c.documents {
		name := c.envelope(document)
		image, err := imageOf(document)
		if err == nil {
			err = verifyDocument(name, filepath.Join(c.into, image), certificate)
		}
		if err != nil {
			bad = append(bad, fmt.Errorf("%s: %w", name, err))
			continue
		}
		fmt.Fprintf(c.out, "%s: good\n", name)
	}
	return errors.Join(bad...)
}

func verifyOne(ctx context.Context, name string, certificate *x509.Certificate) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	return ddi.Verify(ctx, file, certificate)
}
