// Package ddi makes, signs and checks Discoverable Disk Images: disk images whose
// partition types say what is what, with a root file system, its dm-verity hash tree, and
// a signature of the root hash.
//
// The formats are the UAPI Group's Discoverable Partitions Specification, and systemd's
// for the signature partition (systemd-repart(8), Verity=signature).
package ddi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/verity/gpt"
	"example.org/portable-walkthrough-go/tools/verity/hashtree"
)

const (
	// alignment of partitions and of the image's size, in bytes: a page, and a hash block.
	alignment = 4096
	// signatureSize is the room for the signature partition, in bytes. A signature with an
	// RSA key of 4096 bits takes 1.5 KiB of it.
	signatureSize = 8 << 10
)

// types are the partition types of an architecture, under systemd's name of it.
type types struct{ root, verity, signature gpt.GUID }

var architectures = map[string]types{
	"arm64":   {guid("b921b045-1df0-41c3-af44-4c6f280d3fae"), guid("df3300ce-d69f-4c92-978c-9bfb0f38d820"), guid("6db69de6-29f4-4758-a7a5-962190f00ce3")},
	"riscv64": {guid("72ec70a6-cf74-40e6-bd49-4bda08e8f224"), guid("b6ed5582-440b-4209-b8da-5ff7c419ea3d"), guid("efe0f087-ea8d-4469-821a-4c2a96a8386a")},
	"x86-64":  {guid("4f68bce3-e8cd-4db1-96e7-fbcaf984b709"), guid("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5"), guid("41092b05-9fc8-4523-994f-2def0408b176")},
}

func guid(text string) gpt.GUID {
	g, err := gpt.ParseGUID(text)
	if err != nil {
		panic(err)
	}
	return g
}

// typesOf are an architecture's.
func typesOf(architecture string) (types, error) {
	if t, ok := architectures[architecture]; ok {
		return t, nil
	}
	names := []string{"arm64", "riscv64", "x86-64"}
	return types{}, fmt.Errorf("architecture %q: partition types are known for %s; give one of these", architecture, strings.Join(names, ", "))
}

// deriveGUID makes a UUID for a purpose out of a root hash, of the version for UUIDs that are
// made in a way of one's own (RFC 9562, section 5.8).
func deriveGUID(root hashtree.Hash, purpose string) gpt.GUID {
	h := hmac.New(sha256.New, root[:])
	_, _ = io.WriteString(h, purpose)
	g := gpt.GUID(h.Sum(nil)[:16])
	g[6] = g[6]&0x0f | 0x80
	g[8] = g[8]&0x3f | 0x80
	return g
}

// rootIDs are the UUIDs of the two partitions by which systemd finds out the root hash:
// its first half and its second.
func rootIDs(root hashtree.Hash) (data, verity gpt.GUID) {
	return gpt.GUID(root[:16]), gpt.GUID(root[16:])
}

func align(n int64) int64 { return (n + alignment - 1) &^ (alignment - 1) }

// SquashfsMagic starts a squashfs; its size is at byte 40, as a little-endian uint64
// (Documentation/filesystems/squashfs.rst).
const SquashfsMagic = "hsqs"

// An image is a disk image that was read.
type image struct {
	table *gpt.Table
	types types
	// root and verity are there, signature may be nil.
	root, verity, signature *gpt.Partition
}

// read finds the partitions of an image.
func read(r io.ReaderAt, size int64) (*image, error) {
	table, err := gpt.Read(r, size)
	if err != nil {
		magic := make([]byte, len(SquashfsMagic))
		if n, _ := r.ReadAt(magic, 0); n == len(magic) && string(magic) == SquashfsMagic {
			return nil, fmt.Errorf("a naked squashfs, which has no hash tree: portable_verity makes an image that has")
		}
		return nil, err
	}
	found := &image{table: table}
	for _, t := range architectures {
		for i := range table.Partitions {
			p := &table.Partitions[i]
			slot := map[gpt.GUID]**gpt.Partition{t.root: &found.root, t.verity: &found.verity, t.signature: &found.signature}[p.Type]
			if slot == nil {
				continue
			}
			if *slot != nil {
				return nil, fmt.Errorf("partition table: %q and %q are of one kind", (*slot).Label, p.Label)
			}
			*slot = p
			found.types = t
		}
	}
	if found.root == nil || found.verity == nil || found.root.Type != found.types.root || found.verity.Type != found.types.verity {
		return nil, fmt.Errorf("partition table: no root partition with a root-verity partition of its architecture")
	}
	return found, nil
}

// hash returns the root hash from the partitions' UUIDs.
func (i *image) hash() (h hashtree.Hash) {
	copy(h[:16], i.root.ID[:])
	copy(h[16:], i.verity.ID[:])
	return h
}

func (i *image) hex() string {
	h := i.hash()
	return hex.EncodeToString(h[:])
}

func section(r io.ReaderAt, p *gpt.Partition) *io.SectionReader {
	return io.NewSectionReader(r, p.Offset, p.Size)
}

// room returns the place of the signature partition, after the last partition.
func (i *image) room() (int64, error) {
	last := slices.MaxFunc(i.table.Partitions, func(a, b gpt.Partition) int { return int(max(-1, min(1, a.Offset-b.Offset))) })
	offset := align(last.Offset + last.Size)
	if _, end := i.table.Usable(); offset+signatureSize > end {
		return 0, fmt.Errorf("no room for a signature partition of %d bytes behind the last partition", signatureSize)
	}
	return offset, nil
}
