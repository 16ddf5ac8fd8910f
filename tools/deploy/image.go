package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/verity/gpt"
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

// openImage reads an image: a squashfs, or a GPT disk whose root partition is one.
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
	start := int64(0)
	switch table, err := gpt.Read(file, i.size); {
	case err == nil:
		if start, err = rootPartition(file, table); err != nil {
			return i, fmt.Errorf("%s: %w", path, err)
		}
		i.verity = true
		i.modules = append(i.modules, "dm_verity")
	case !errors.Is(err, gpt.ErrNoTable):
		return i, fmt.Errorf("%s: %w", path, err)
	}
	super := make([]byte, 96)
	if _, err := file.ReadAt(super, start); err != nil || string(super[:4]) != "hsqs" {
		return i, fmt.Errorf("%s: there is no squashfs at %d; deploy what portable_image makes", path, start)
	}
	i.option = compressors[binary.LittleEndian.Uint16(super[20:])]
	return i, nil
}

// rootPartition returns where the first partition begins that has a squashfs.
func rootPartition(file io.ReaderAt, table *gpt.Table) (int64, error) {
	magic := make([]byte, 4)
	for _, p := range table.Partitions {
		if _, err := file.ReadAt(magic, p.Offset); err == nil && string(magic) == "hsqs" {
			return p.Offset, nil
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
	sum, err := sha256sum.Of(io.LimitReader(file, length))
	return sum == digest, err
}
