package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"example.org/portable-walkthrough-go/tools/verity/pkcs7"
)

// newSigner returns a function that signs a root hash.
func (c *command) newSigner(ctx context.Context, certificate *x509.Certificate) (func([]byte) ([]byte, error), error) {
	switch {
	case c.signer != "":
		return func(content []byte) ([]byte, error) { return c.askCommand(ctx, content) }, nil
	case isToken(c.key):
		if strings.Contains(c.key, "pin-value") {
			return nil, errors.New("--key: pin-value= puts the PIN on a command line, which others can read; use --passphrase-file, or leave it out to be asked")
		}
		return func(content []byte) ([]byte, error) { return c.askToken(ctx, certificate, content) }, nil
	}
	content, err := readFlag("key", c.key)
	if err != nil {
		return nil, err
	}
	key, err := pkcs7.ParseKey(content, func() ([]byte, error) { return c.passphrase(ctx) })
	if err != nil {
		return nil, fmt.Errorf("--key: %w", err)
	}
	if err := pkcs7.Fits(key, certificate); err != nil {
		return nil, fmt.Errorf("--key and --certificate: %w", err)
	}
	return func(content []byte) ([]byte, error) { return pkcs7.Sign(content, certificate, key) }, nil
}

// askCommand is --signer.
func (c *command) askCommand(ctx context.Context, content []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", c.signer)
	cmd.Dir = os.Getenv("BUILD_WORKING_DIRECTORY")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(content), os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("--signer: %w", err)
	}
	return answer, nil
}

// isToken reports whether a key is in a PKCS #11 token: RFC 7512.
func isToken(key string) bool { return strings.HasPrefix(key, "pkcs11:") }

// askToken signs with a key that never leaves its token: by the machine's OpenSSL and its
// provider for PKCS #11. Without a file for the PIN, OpenSSL asks on the terminal.
func (c *command) askToken(ctx context.Context, certificate *x509.Certificate, content []byte) ([]byte, error) {
	arguments := []string{
		"smime", "-sign", "-binary", "-noattr", "-nocerts", "-md", "sha256", "-outform", "DER",
		"-provider", "pkcs11", "-provider", "default", "-inkey", c.key, "-signer", "/dev/fd/3",
	}
	pipe := func(content []byte) (*os.File, error) {
		read, write, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		go func() {
			_, _ = write.Write(content)
			_ = write.Close()
		}()
		return read, nil
	}
	der, err := pipe(certificatePEM(certificate))
	if err != nil {
		return nil, err
	}
	defer der.Close()
	files := []*os.File{der}
	if c.passphraseFile != "" {
		pin, err := c.passphrase(ctx)
		if err != nil {
			return nil, err
		}
		read, err := pipe(append(pin, '\n'))
		if err != nil {
			return nil, err
		}
		defer read.Close()
		files = append(files, read)
		arguments = append(arguments, "-passin", "fd:4")
	}
	cmd := exec.CommandContext(ctx, "openssl", arguments...)
	cmd.Stdin, cmd.Stderr, cmd.ExtraFiles = bytes.NewReader(content), os.Stderr, files
	answer, err := cmd.Output()
	if err == nil && len(answer) == 0 {
		// It prints the error, but its exit status may be 0.
		err = errors.New("it made no signature")
	}
	if err != nil {
		return nil, fmt.Errorf("--key: openssl, with its provider for PKCS #11 (Debian's package pkcs11-provider): %w", err)
	}
	return answer, nil
}

// passphrase reads the passphrase of the key from --passphrase-file or the terminal.
func (c *command) passphrase(ctx context.Context) ([]byte, error) {
	if c.passphraseFile == "" {
		return prompt(ctx, "Passphrase of the key: ")
	}
	content, err := readFlag("passphrase-file", c.passphraseFile)
	line, _, _ := bytes.Cut(content, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), err
}

// prompt asks on the terminal, without echo.
func prompt(ctx context.Context, question string) (answer []byte, err error) {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("it is encrypted, but there is no terminal to ask for the passphrase; give --passphrase-file")
	}
	defer terminal.Close()
	// Every system has stty(1), which supports its terminals.
	echo := func(ctx context.Context, flag string) error {
		cmd := exec.CommandContext(ctx, "stty", flag)
		cmd.Stdin = terminal
		return cmd.Run()
	}
	if err := echo(ctx, "-echo"); err != nil {
		return nil, fmt.Errorf("can't ask for the passphrase without showing it, stty: %w; give --passphrase-file", err)
	}
	defer func() {
		err = errors.Join(err, echo(context.WithoutCancel(ctx), "echo"))
		_, _ = io.WriteString(terminal, "\n")
	}()
	if _, err := io.WriteString(terminal, question); err != nil {
		return nil, err
	}
	type line struct {
		text []byte
		err  error
	}
	read := make(chan line, 1)
	go func() {
		// A terminal gives a line at a time.
		buffer := make([]byte, 4096)
		n, err := terminal.Read(buffer)
		read <- line{bytes.TrimRight(buffer[:n], "\r\n"), err}
	}()
	select {
	case l := <-read:
		return l.text, l.err
	case <-ctx.Done():
		return nil, errors.New("interrupted")
	}
}

func certificatePEM(certificate *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
}
