package ddi

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"example.org/portable-walkthrough-go/tools/verity/gpt"
	"example.org/portable-walkthrough-go/tools/verity/hashtree"
)

// A Manifest describes the layout of an image. Sizes and offsets are in bytes.
type Manifest struct {
	Architecture string `json:"architecture"`
	// RootHash is in hex.
	RootHash   string      `json:"root_hash"`
	Size       int64       `json:"size"`
	DiskUUID   string      `json:"disk_uuid"`
	Partitions []Partition `json:"partitions"`
	Verity     Verity      `json:"verity"`
	// Signature is where signing puts the signature partition.
	Signature Room `json:"signature_room"`
}

// A Partition is one in a Manifest.
type Partition struct {
	// Name is the Discoverable Partitions Specification's: root or root-verity.
	Name     string `json:"name"`
	Label    string `json:"label"`
	Type     string `json:"type"`
	UUID     string `json:"uuid"`
	Offset   int64  `json:"offset"`
	Size     int64  `json:"size"`
	ReadOnly bool   `json:"read_only"`
}

// Verity contains the parameters in a hash tree's superblock.
type Verity struct {
	Algorithm     string `json:"algorithm"`
	DataBlockSize int    `json:"data_block_size"`
	HashBlockSize int    `json:"hash_block_size"`
	DataBlocks    int64  `json:"data_blocks"`
	Salt          string `json:"salt"`
	UUID          string `json:"uuid"`
}

// Room is a place on the disk.
type Room struct {
	Offset int64 `json:"offset"`
	Size   int64 `json:"size"`
}

// Make writes the image of a squashfs to output, which must be empty, and returns its layout.
// Equal squashfs file systems give equal bytes: the salt of the hash tree is derived from the
// squashfs, and the UUIDs from the root hash, the squashfs's digest.
func Make(ctx context.Context, squashfs *os.File, architecture string, output *os.File) (*Manifest, error) {
	types, err := typesOf(architecture)
	if err != nil {
		return nil, err
	}
	size, err := squashfsSize(squashfs)
	if err != nil {
		return nil, err
	}
	label := "root-" + architecture
	root := gpt.Partition{Type: types.root, Label: label, Offset: align(gpt.HeadSize), Size: size, Attributes: gpt.ReadOnly}
	verity := gpt.Partition{
		Type: types.verity, Label: label + "-verity", Attributes: gpt.ReadOnly,
		Offset: root.Offset + root.Size, Size: hashtree.Size(size),
	}
	room := Room{verity.Offset + verity.Size, signatureSize}
	total := align(room.Offset + room.Size + gpt.TailSize)
	if err := output.Truncate(total); err != nil {
		return nil, err
	}
	tree := region{io.NewSectionReader(output, verity.Offset, verity.Size), io.NewOffsetWriter(output, verity.Offset)}
	salt, err := hashtree.Salt(ctx, squashfs, size)
	if err != nil {
		return nil, err
	}
	superblock := &hashtree.Superblock{DataBlocks: size / hashtree.BlockSize, Salt: salt}
	hash, err := superblock.WriteTree(ctx, copying{squashfs, io.NewOffsetWriter(output, root.Offset)}, tree)
	if err != nil {
		return nil, err
	}
	superblock.UUID = deriveGUID(hash, "verity-uuid")
	if err := superblock.Write(tree); err != nil {
		return nil, err
	}
	table := &gpt.Table{Disk: deriveGUID(hash, "disk-uuid"), Size: total}
	root.ID, verity.ID = rootIDs(hash)
	table.Partitions = []gpt.Partition{root, verity}
	if err := table.Write(output); err != nil {
		return nil, err
	}
	return &Manifest{
		Architecture: architecture,
		RootHash:     hex.EncodeToString(hash[:]),
		Size:         table.Size,
		DiskUUID:     table.Disk.String(),
		Partitions:   []Partition{listed("root", root), listed("root-verity", verity)},
		Verity: Verity{
			Algorithm: "sha256", DataBlockSize: hashtree.BlockSize, HashBlockSize: hashtree.BlockSize,
			DataBlocks: superblock.DataBlocks, Salt: hex.EncodeToString(superblock.Salt), UUID: gpt.GUID(superblock.UUID).String(),
		},
		Signature: room,
	}, nil
}

func listed(name string, p gpt.Partition) Partition {
	return Partition{
		Name: name, Label: p.Label, Type: p.Type.String(), UUID: p.ID.String(),
		Offset: p.Offset, Size: p.Size, ReadOnly: p.Attributes&gpt.ReadOnly != 0,
	}
}

// squashfsSize is a file's size, if it is a squashfs that can have a hash tree.
func squashfsSize(file *os.File) (int64, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	size := info.Size()
	head := make([]byte, 96) // the superblock
	if n, _ := file.ReadAt(head, 0); n < len(head) || string(head[:4]) != SquashfsMagic {
		return 0, fmt.Errorf("%s: no squashfs; give a portable_image's .raw file", file.Name())
	}
	used := binary.LittleEndian.Uint64(head[40:])
	switch {
	case used > uint64(size):
		return 0, fmt.Errorf("%s: cut off: it has %d bytes of the squashfs's %d; make it again", file.Name(), size, used)
	case size%hashtree.BlockSize != 0:
		return 0, fmt.Errorf("%s: %d bytes are not a multiple of %d, as dm-verity requires; make the squashfs without -nopad", file.Name(), size, hashtree.BlockSize)
	}
	return size, nil
}

// copying is a reader that also writes to the same offset of another file.
type copying struct {
	from io.ReaderAt
	to   io.WriterAt
}

func (c copying) ReadAt(p []byte, offset int64) (int, error) {
	n, err := c.from.ReadAt(p, offset)
	if _, e := c.to.WriteAt(p[:n], offset); e != nil {
		return 0, e
	}
	return n, err
}

// region is a part of a file.
type region struct {
	io.ReaderAt
	io.WriterAt
}
