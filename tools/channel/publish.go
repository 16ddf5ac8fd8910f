package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/verity/ddi"
)

// A place is where a channel is published.
type place interface {
	// read returns a file, or an error that wraps os.ErrNotExist.
	read(ctx context.Context, name string) ([]byte, error)
	// digest returns the digest of a file, or "" if it does not exist.
	digest(ctx context.Context, name string) (string, error)
	// put copies a file there, whole or not at all.
	put(ctx context.Context, name, from string) error
	// remove removes files.
	remove(ctx context.Context, names []string) error
	String() string
}

// A publication is one version, to be added to a place.
type publication struct {
	config     config
	sign       string
	bestBefore string
}

// takeSigned puts the signed images of a directory in place of the build's. Their signatures are in them: no systemd that
// has sysupdate needs NAME.roothash.p7s, and that of 257 takes it for a NAME.roothash.
func (p publication) takeSigned(directory string) error {
	for _, name := range slices.Sorted(maps.Keys(p.config.Images)) {
		if !strings.HasSuffix(name, ".raw") {
			continue
		}
		signed, err := ddi.SignedIn(directory, p.config.Images[name])
		if err != nil {
			return err
		}
		p.config.Images[name] = signed
	}
	return nil
}

const bestBeforePrefix = "BEST-BEFORE-"

func (p publication) publish(ctx context.Context, to place) error {
	old := sums{}
	text, err := to.read(ctx, sumsName)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	default:
		if old, err = parseSums(text); err != nil {
			return fmt.Errorf("%s: %w", to, err)
		}
	}
	// Everything is checked before anything is written.
	digests := sums{}
	for _, name := range slices.Sorted(maps.Keys(p.config.Images)) {
		if digests[name], err = sha256sum.OfFile(p.config.Images[name]); err != nil {
			return err
		}
		if err := p.unchanged(ctx, to, name, digests[name], old[name]); err != nil {
			return err
		}
	}
	now := maps.Clone(old)
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		if old[name] != digests[name] {
			fmt.Printf("%s: adding %s\n", to, name)
			if err := to.put(ctx, name, p.config.Images[name]); err != nil {
				return err
			}
		}
		now[name] = digests[name]
	}
	for _, name := range slices.Sorted(maps.Keys(p.config.Settings)) {
		if now[name], err = sha256sum.OfFile(p.config.Settings[name]); err != nil {
			return err
		}
		if now[name] != old[name] {
			if err := to.put(ctx, name, p.config.Settings[name]); err != nil {
				return err
			}
		}
	}
	scratch, err := os.MkdirTemp("", "channel")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	write := func(name string, text []byte) error {
		path := scratch + "/" + name
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
		return to.put(ctx, name, path)
	}
	gone := p.old(now)
	if p.bestBefore != "" {
		for name := range now {
			if strings.HasPrefix(name, bestBeforePrefix) {
				gone = append(gone, name)
			}
		}
		name := bestBeforePrefix + p.bestBefore
		gone = slices.DeleteFunc(gone, func(other string) bool { return other == name })
		empty := sha256.Sum256(nil)
		now[name] = hex.EncodeToString(empty[:])
		if err := write(name, nil); err != nil {
			return err
		}
	}
	for _, name := range gone {
		delete(now, name)
	}
	if bytes.Equal(now.text(), text) && p.sign == "" {
		fmt.Printf("%s: version %s is there already\n", to, p.config.Version)
		return nil
	}
	if p.sign != "" {
		signature, err := p.signature(ctx, now.text())
		if err != nil {
			return err
		}
		if err := write(signatureName, signature); err != nil {
			return err
		}
	} else if _, err := to.read(ctx, signatureName); err == nil {
		return fmt.Errorf("%s: it has a signature, which would not fit the new %s; fix: give --sign, or remove %s", to, sumsName, signatureName)
	}
	if err := write(sumsName, now.text()); err != nil {
		return err
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		fmt.Printf("%s: removing %s\n", to, strings.Join(gone, ", "))
		if err := to.remove(ctx, gone); err != nil {
			return err
		}
	}
	fmt.Printf("%s: version %s is published\n", to, p.config.Version)
	return nil
}

// unchanged: a published version has the bytes that it had, in the sums and in the file.
func (p publication) unchanged(ctx context.Context, to place, name, digest, listed string) error {
	if listed == "" {
		return nil
	}
	if listed != digest {
		return fmt.Errorf("%s: %s is published with other bytes (sha256 %.12s…, the build's %.12s…); fix: give the image another version, since hosts that have this one would never get the change", to, name, listed, digest)
	}
	there, err := to.digest(ctx, name)
	if err != nil {
		return err
	}
	if there != listed {
		return fmt.Errorf("%s: %s does not have the digest that %s lists (%.12s…, not %.12s…); fix: restore it, or remove it there and its line", to, name, sumsName, there, listed)
	}
	return nil
}

// signature has SHA256SUMS signed.
func (p publication) signature(ctx context.Context, text []byte) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "sh", "-c", p.sign)
	cmd.Stdin = bytes.NewReader(text)
	var said bytes.Buffer
	cmd.Stderr = &said
	signature, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("--sign=%q: %w: %s", p.sign, err, bytes.TrimSpace(said.Bytes()))
	}
	if len(signature) == 0 {
		return nil, fmt.Errorf("--sign=%q: it printed nothing; fix: have it print the signature", p.sign)
	}
	return signature, nil
}

// old are the files of versions that don't stay, for each image and architecture.
func (p publication) old(now sums) (gone []string) {
	for name := range p.config.Images {
		portable, rest, _ := strings.Cut(name, "_")
		architecture := rest[strings.LastIndex(rest, "_")+1:]
		var versions []string
		for other := range now {
			text, ok := strings.CutPrefix(other, portable+"_")
			if text, fits := strings.CutSuffix(text, "_"+architecture); ok && fits {
				versions = append(versions, text)
			}
		}
		slices.SortFunc(versions, compareVersions)
		for _, version := range versions[:max(0, len(versions)-p.config.Keep)] {
			// The one that is being published stays, whatever is newer.
			if version != p.config.Version {
				gone = append(gone, portable+"_"+version+"_"+architecture)
			}
		}
	}
	return gone
}
