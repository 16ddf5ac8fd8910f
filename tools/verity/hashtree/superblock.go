package hashtree

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// A Superblock describes a hash tree to its readers: dm-verity's on-disk format, as
// in cryptsetup's wiki ("DMVerity") and lib/verity/verity.c.
type Superblock struct {
	UUID [16]byte
	// DataBlocks is how many blocks of BlockSize are protected.
	DataBlocks int64
	// Salt is hashed before each block; at most 256 bytes.
	Salt []byte
}

const magic = "verity\x00\x00"

// Write writes the superblock to the start of a tree.
func (s *Superblock) Write(to io.WriterAt) error {
	_, err := to.WriteAt(s.bytes(), 0)
	return err
}

// bytes are the superblock, padded to a block.
func (s *Superblock) bytes() []byte {
	b := make([]byte, BlockSize)
	copy(b, magic)
	le := binary.LittleEndian
	le.PutUint32(b[8:], 1)  // version
	le.PutUint32(b[12:], 1) // hash type: the salt comes first
	copy(b[16:], s.UUID[:])
	copy(b[32:64], "sha256")
	le.PutUint32(b[64:], BlockSize) // of data
	le.PutUint32(b[68:], BlockSize) // of hashes
	le.PutUint64(b[72:], uint64(s.DataBlocks))
	le.PutUint16(b[80:], uint16(len(s.Salt)))
	copy(b[88:344], s.Salt)
	return b
}

func parseSuperblock(b []byte) (*Superblock, error) {
	le := binary.LittleEndian
	if string(b[:8]) != magic {
		return nil, errors.New("no verity superblock")
	}
	s := &Superblock{UUID: [16]byte(b[16:32])}
	algorithm := string(bytes.TrimRight(b[32:64], "\x00"))
	salt, blocks := int(le.Uint16(b[80:])), le.Uint64(b[72:])
	switch {
	case le.Uint32(b[8:]) != 1 || le.Uint32(b[12:]) != 1:
		return nil, fmt.Errorf("verity superblock of version %d and hash type %d: only 1 and 1 are known", le.Uint32(b[8:]), le.Uint32(b[12:]))
	case algorithm != "sha256" || le.Uint32(b[64:]) != BlockSize || le.Uint32(b[68:]) != BlockSize:
		return nil, fmt.Errorf("hash tree of %q with blocks of %d and %d bytes: only sha256 with %d is known", algorithm, le.Uint32(b[64:]), le.Uint32(b[68:]), BlockSize)
	case salt > 256:
		return nil, fmt.Errorf("verity superblock with a salt of %d bytes", salt)
	case blocks == 0 || blocks > math.MaxInt64/BlockSize:
		return nil, fmt.Errorf("verity superblock of %d blocks", blocks)
	}
	s.DataBlocks, s.Salt = int64(blocks), bytes.Clone(b[88:88+salt])
	return s, nil
}
