package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/verity/ddi"
	"example.org/portable-walkthrough-go/tools/verity/gpt"
)

// An image is the file to deploy, and its requirements for a host.
type image struct {
	path   string
	size   int64
	digest string // of SHA-256, in hexadecimal
	// modules are kernel modules that mount it.
	modules []string
	// option is the kernel's for the compressor.
	option string
	// verity is nil for a naked squashfs.
	verity *ddi.Description
}

// Compressors by their number in a squashfs superblock, and the kernel's options.
var compressors = map[uint16]string{
	1: "CONFIG_SQUASHFS_ZLIB", 3: "CONFIG_SQUASHFS_LZO", 4: "CONFIG_SQUASHFS_XZ", 5: "CONFIG_SQUASHFS_LZ4", 6: "CONFIG_SQUASHFS_ZSTD",
}

// openImage reads an image: a squashfs, or a disk image of portable_verity or portable_sign.
func openImage(path string) (image, error) {
	i := image{path: path, modules: []string{"loop", "squashfs"}}
	file, err := os.Open(path)
	if err != nil {
		return i, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return i, err
	}
	i.size = info.Size()
	if i.digest, err = sha256sum.Of(file); err != nil {
		return i, err
	}
	magic := make([]byte, len(ddi.SquashfsMagic))
	if _, err := file.ReadAt(magic, 0); err != nil || string(magic) != ddi.SquashfsMagic {
		if i.verity, err = ddi.Describe(file, i.size); errors.Is(err, gpt.ErrNoTable) {
			return i, fmt.Errorf("%s: neither a squashfs nor a disk image; deploy what portable_image or portable_verity makes", path)
		}
		if err != nil {
			return i, fmt.Errorf("%s: %w", path, err)
		}
		i.modules = append(i.modules, "dm_verity")
	}
	super := make([]byte, 96)
	if _, err := i.squashfs(file).ReadAt(super, 0); err != nil || !bytes.HasPrefix(super, []byte(ddi.SquashfsMagic)) {
		return i, fmt.Errorf("%s: it contains no squashfs; deploy an image of portable_image or portable_verity", path)
	}
	i.option = compressors[binary.LittleEndian.Uint16(super[20:])]
	return i, nil
}

// squashfs is the image's root file system.
func (i image) squashfs(file io.ReaderAt) *io.SectionReader {
	if i.verity == nil {
		return io.NewSectionReader(file, 0, i.size)
	}
	return io.NewSectionReader(file, i.verity.Offset, i.verity.Size)
}

// unwrapped returns a file that begins with the image's squashfs: the image itself, or a copy.
func (i image) unwrapped(into string) (path string, err error) {
	if i.verity == nil {
		return i.path, nil
	}
	in, err := os.Open(i.path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	out, err := os.Create(into)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(out, i.squashfs(in))
	return into, errors.Join(err, out.Close())
}

// form describes the hash tree and the signature of the image.
func (i image) form() string {
	switch {
	case i.verity == nil:
		return "no hash tree"
	case i.verity.Signer == "":
		return "root hash " + i.verity.RootHash + ", not signed"
	}
	return "root hash " + i.verity.RootHash + ", signed with certificate " + i.verity.Signer
}

// sidecars returns the files that this systemd needs beside the image, by suffix: from 250 on it finds the signature in
// the image, and the root hash of a signed one; from 258 on every root hash (systemd.exec(5), RootHash= and
// RootHashSignature=).
func (i image) sidecars(systemd int) (map[string][]byte, error) {
	all := map[string][]byte{}
	if i.verity == nil || systemd >= 258 || systemd >= 250 && i.verity.Signer != "" {
		return all, nil
	}
	all["roothash"] = []byte(i.verity.RootHash)
	if i.verity.Signer == "" {
		return all, nil
	}
	signature, err := os.ReadFile(strings.TrimSuffix(i.path, ".raw") + ".roothash.p7s")
	if err != nil {
		return nil, fmt.Errorf("systemd %d does not find the signature in the image: %w; fix: keep what portable_sign wrote together", systemd, err)
	}
	all["roothash.p7s"] = signature
	return all, nil
}

// stored returns the image's name on a host: the portable name first, as portabled requires,
// and the digest, so that equal names mean equal bytes.
func (i image) stored(name, version string) string {
	tag := i.digest[:12]
	if version != "" {
		tag = version + "-" + tag
	}
	return name + "_" + tag + ".raw"
}

// versionOf returns the version that stored put into a name, for images that no history lists.
func versionOf(path, name string) string {
	text := strings.TrimSuffix(filepath.Base(path), ".raw")
	text = strings.TrimPrefix(strings.TrimPrefix(text, name), "_")
	if at := strings.LastIndex(text, "-"); at >= 0 && len(text)-at == 13 {
		return text[:at]
	}
	return text
}

// startsWith reports whether the first bytes of a file have a digest.
func startsWith(file io.Reader, length int64, digest string) (bool, error) {
	sum, err := sha256sum.Of(io.LimitReader(file, length))
	return sum == digest, err
}
