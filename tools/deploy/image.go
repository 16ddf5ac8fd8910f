package main

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// An image is the file to be deployed, and what a host must have for it.
type image struct {
	path   string
	size   int64
	digest string // of SHA-256, in hexadecimal
	// modules are kernel modules that mount it.
	modules []string
	// option is the kernel's for the compressor.
	option string
	verity bool
}

// Compressors by their number in a squashfs superblock, and the kernel's options.
var compressors = map[uint16]string{
	1: "CONFIG_SQUASHFS_ZLIB", 3: "CONFIG_SQUASHFS_LZO", 4: "CONFIG_SQUASHFS_XZ", 5: "CONFIG_SQUASHFS_LZ4", 6: "CONFIG_SQUASHFS_ZSTD",
}

// Sectors of GPT (UEFI specification, chapter 5).
const sector = 512

// openImage reads an image: a squashfs, or a GPT disk whose root partition is one.
func openImage(path string) (image, error) {
	i := image{path: path, modules: []string{"loop", "squashfs"}}
	file, err := os.Open(path)
	if err != nil {
		return i, err
	}
	defer file.Close()
	digest := sha256.New()
	if i.size, err = io.Copy(digest, file); err != nil {
		return i, err
	}
	i.digest = hex.EncodeToString(digest.Sum(nil))
	start := int64(0)
	head := make([]byte, 2*sector)
	if _, err := file.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return i, err
	}
	if string(head[sector:sector+8]) == "EFI PART" {
		if start, err = rootPartition(file, head[sector:]); err != nil {
			return i, fmt.Errorf("%s: %w", path, err)
		}
		i.verity = true
		i.modules = append(i.modules, "dm_verity")
	}
	super := make([]byte, 96)
	if _, err := file.ReadAt(super, start); err != nil || string(super[:4]) != "hsqs" {
		return i, fmt.Errorf("%s: there is no squashfs at %d; deploy what portable_image makes", path, start)
	}
	i.option = compressors[binary.LittleEndian.Uint16(super[20:])]
	return i, nil
}

// rootPartition returns where the first partition begins that has a squashfs.
func rootPartition(file io.ReaderAt, header []byte) (int64, error) {
	table := int64(binary.LittleEndian.Uint64(header[72:])) * sector
	count, size := binary.LittleEndian.Uint32(header[80:]), binary.LittleEndian.Uint32(header[84:])
	if count > 1024 || size < 128 || size > 4096 {
		return 0, fmt.Errorf("a partition table of %d entries of %d bytes is not one that portable_image makes", count, size)
	}
	entry, magic := make([]byte, size), make([]byte, 4)
	for n := range int64(count) {
		if _, err := file.ReadAt(entry, table+n*int64(size)); err != nil {
			return 0, fmt.Errorf("partition %d: %w", n, err)
		}
		start := int64(binary.LittleEndian.Uint64(entry[32:])) * sector
		if start == 0 {
			continue
		}
		if _, err := file.ReadAt(magic, start); err == nil && string(magic) == "hsqs" {
			return start, nil
		}
	}
	return 0, errors.New("no partition has a squashfs")
}

// stored is the image's name on a host: with the portable name first, as portabled wants it,
// and with its digest, so that equal names are equal bytes.
func (i image) stored(name, version string) string {
	tag := i.digest[:12]
	if version != "" {
		tag = version + "-" + tag
	}
	return name + "_" + tag + ".raw"
}

// versionOf is what stored put into a name, for images that a history does not list.
func versionOf(path, name string) string {
	text := strings.TrimSuffix(filepath.Base(path), ".raw")
	text = strings.TrimPrefix(strings.TrimPrefix(text, name), "_")
	if at := strings.LastIndex(text, "-"); at >= 0 && len(text)-at == 13 {
		return text[:at]
	}
	return text
}

// startsWith says whether the first bytes of a file have a digest.
func startsWith(file io.Reader, length int64, digest string) (bool, error) {
	sum := sha256.New()
	if _, err := io.CopyN(sum, file, length); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return hex.EncodeToString(sum.Sum(nil)) == digest, nil
}
