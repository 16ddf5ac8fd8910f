package hashtree

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// Salt returns a salt of 32 bytes for data of a size in bytes: the SHA-256 of the size and of
// the CRC-32C of each 512 KiB, in order, as little-endian numbers of 64 and 32 bits.
//
// A salt is public and identifies nothing, so that it need not resist collisions: the root
// hash does, whatever the salt. To hash the data with SHA-256 here would take as long as the
// tree. A processor computes CRC-32C more than ten times as fast.
func Salt(ctx context.Context, data io.ReaderAt, size int64) ([]byte, error) {
	const width = crc32.Size
	sums := make([]byte, 8+(size+chunkSize-1)/chunkSize*width)
	binary.LittleEndian.PutUint64(sums, uint64(size))
	err := eachChunk(ctx, size, func(offset int64, chunk []byte) error {
		if n, err := data.ReadAt(chunk, offset); n < len(chunk) {
			return fmt.Errorf("at byte %d: %w", offset+int64(n), err)
		}
		binary.LittleEndian.PutUint32(sums[8+offset/chunkSize*width:], crc32.Checksum(chunk, castagnoli))
		return nil
	})
	salt := sha256.Sum256(sums)
	return salt[:], err
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)
