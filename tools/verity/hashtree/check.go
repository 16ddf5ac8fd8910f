package hashtree

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"sync"
)

// Check compares data with a superblock and tree, and returns those and the root hash that
// they have. DataSize is what the data can have at most, in bytes.
//
// The error names the mistake: the superblock, a block of the tree or, if the tree is intact, a
// block of the data. The caller must compare the root hash.
func Check(ctx context.Context, data io.ReaderAt, dataSize int64, tree io.ReaderAt, treeSize int64) (s *Superblock, root Hash, err error) {
	block := make([]byte, BlockSize)
	if treeSize < BlockSize {
		return nil, root, fmt.Errorf("hash tree: %d bytes have no room for a superblock", treeSize)
	}
	if _, err := tree.ReadAt(block, 0); err != nil {
		return nil, root, err
	}
	if s, err = parseSuperblock(block); err != nil {
		return nil, root, fmt.Errorf("hash tree: %w", err)
	}
	size := s.DataBlocks * BlockSize
	if size > dataSize || Size(size) > treeSize {
		return s, root, fmt.Errorf("hash tree: is of %d bytes of data, but there are %d bytes of data and %d for the tree", size, dataSize, treeSize)
	}
	section := func(l level) io.ReaderAt { return io.NewSectionReader(tree, l.offset, l.size) }
	levels := s.levels()
	top := data
	if len(levels) > 0 {
		top = section(levels[len(levels)-1])
	}
	if root, err = s.root(ctx, top); err != nil {
		return s, root, err
	}
	// The tree before the data, because a damaged tree can't verify them.
	for i := len(levels) - 1; i > 0; i-- {
		if err := s.compare(ctx, section(levels[i-1]), levels[i-1].size, section(levels[i]), "hash tree: level "+fmt.Sprint(i-1)); err != nil {
			return s, root, err
		}
	}
	if len(levels) > 0 {
		return s, root, s.compare(ctx, data, size, section(levels[0]), "data")
	}
	return s, root, nil
}

// compare returns an error if blocks don't have the hashes of the level above.
func (s *Superblock) compare(ctx context.Context, from io.ReaderAt, size int64, above io.ReaderAt, what string) error {
	var mu sync.Mutex
	bad, first := 0, size
	err := s.hash(ctx, from, size, func(block int64, hashes []byte) error {
		stored := make([]byte, len(hashes))
		if n, err := above.ReadAt(stored, block*sha256.Size); n < len(stored) {
			return err
		}
		if bytes.Equal(stored, hashes) {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		for i := 0; i < len(hashes); i += sha256.Size {
			if !bytes.Equal(stored[i:i+sha256.Size], hashes[i:i+sha256.Size]) {
				bad++
				first = min(first, (block+int64(i/sha256.Size))*BlockSize)
			}
		}
		return nil
	})
	if err == nil && bad > 0 {
		err = fmt.Errorf("%s: %d of %d blocks do not have the hash that the tree has of them, the first at byte %d", what, bad, size/BlockSize, first)
	}
	return err
}
