// Package hashtree writes and checks the hash tree of Linux's dm-verity: a superblock, and
// the SHA-256 of each block of the data, of each block of those, and so on up to a single
// block, whose hash is the root hash.
//
// Blocks are hashed in parallel. Nothing is kept in memory but a chunk per processor,
// whatever the data's size.
package hashtree

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
)

// BlockSize is that of data and hashes, in bytes.
const BlockSize = 4096

const perBlock = BlockSize / sha256.Size

// A Hash is a root hash.
type Hash [sha256.Size]byte

// Size returns the size of superblock and tree for data of a size, both in bytes.
func Size(data int64) int64 {
	s := Superblock{DataBlocks: data / BlockSize}
	size := int64(BlockSize)
	for _, l := range s.levels() {
		size += l.size
	}
	return size
}

// A level of the tree; the lowest one has the hashes of the data.
type level struct{ offset, size int64 }

// levels are from the lowest to the top, which comes first on the disk. A single block of
// data has none: its hash is the root hash.
func (s *Superblock) levels() (all []level) {
	total := int64(0)
	for blocks := s.DataBlocks; blocks > 1; {
		blocks = (blocks + perBlock - 1) / perBlock
		all = append(all, level{size: blocks * BlockSize})
		total += blocks * BlockSize
	}
	for i := range all {
		total -= all[i].size
		all[i].offset = BlockSize + total
	}
	return all
}

// WriteTree writes the tree of the data to to, behind the room for the superblock, and returns
// the root hash. The tree depends on the superblock's DataBlocks and Salt. Several goroutines
// read each byte of data once, in no order.
func (s *Superblock) WriteTree(ctx context.Context, data io.ReaderAt, to interface {
	io.ReaderAt
	io.WriterAt
}) (root Hash, err error) {
	below, size := data, s.DataBlocks*BlockSize
	for _, l := range s.levels() {
		err := s.hash(ctx, below, size, func(block int64, hashes []byte) error {
			// The rest of the last block is zeros.
			padded := append(hashes, make([]byte, -len(hashes)&(BlockSize-1))...)
			_, err := to.WriteAt(padded, l.offset+block*sha256.Size)
			return err
		})
		if err != nil {
			return root, err
		}
		below, size = io.NewSectionReader(to, l.offset, l.size), l.size
	}
	return s.root(ctx, below)
}

// root is the hash of the one block that is below it.
func (s *Superblock) root(ctx context.Context, below io.ReaderAt) (root Hash, err error) {
	err = s.hash(ctx, below, BlockSize, func(_ int64, hash []byte) error {
		copy(root[:], hash)
		return nil
	})
	return root, err
}

// chunkSize is how many bytes one goroutine hashes at a time. The hashes of a chunk fill a
// block.
const chunkSize = perBlock * BlockSize

// hash passes on the hashes of blocks, those of a chunk together with the number of the
// chunk's first block. Chunks come in no order.
func (s *Superblock) hash(ctx context.Context, from io.ReaderAt, size int64, pass func(block int64, hashes []byte) error) error {
	return eachChunk(ctx, size, func(offset int64, chunk []byte) error {
		if n, err := from.ReadAt(chunk, offset); n < len(chunk) {
			return fmt.Errorf("at byte %d: %w", offset+int64(n), err)
		}
		digest := sha256.New()
		hashes := make([]byte, 0, chunkSize/perBlock)
		for len(chunk) > 0 {
			digest.Reset()
			digest.Write(s.Salt)
			digest.Write(chunk[:BlockSize])
			hashes = digest.Sum(hashes)
			chunk = chunk[BlockSize:]
		}
		return pass(offset/BlockSize, hashes)
	})
}
