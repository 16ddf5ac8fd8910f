package image

import (
	"errors"
	"fmt"
	"math"

	"example.org/portable-walkthrough-go/tools/program"
)

// A FileSystem describes how to make an image. The spec describes its contents.
type FileSystem struct {
	// Output is the file to make. An existing file is replaced.
	Output     string
	Mksquashfs program.Program
	// Compression is gzip, lz4, xz or zstd; Level its level, 0 for mksquashfs's default.
	Compression string
	Level       int
	// BlockSize is in bytes: a power of two from 4 KiB to 1 MiB.
	BlockSize int
	// Timestamp is the time of the file system and of all files, in seconds since 1970.
	Timestamp int64
	// Processors limits the compressor's threads, 0 for all of the machine's. It does not
	// change the bytes.
	Processors int
	// Memory limits mksquashfs's caches, in MiB; 0 for its default, a quarter of the
	// machine's. It does not change the bytes either.
	Memory int
}

// maxLevel maps compressors to their highest level; lz4 and xz have no levels.
var maxLevel = map[string]int{"gzip": 9, "lz4": 0, "xz": 0, "zstd": 22}

func (fs *FileSystem) check() error {
	highest, known := maxLevel[fs.Compression]
	switch {
	case fs.Output == "":
		return errors.New("no output; name it with --output")
	case fs.Mksquashfs.Path == "":
		return errors.New("no mksquashfs; name it with --mksquashfs")
	case !known:
		return fmt.Errorf("compression %q is not supported; choose gzip, lz4, xz or zstd", fs.Compression)
	case fs.Level != 0 && highest == 0:
		return fmt.Errorf("compression %s has no levels; leave compression_level out", fs.Compression)
	case fs.Level < 0 || fs.Level > highest:
		return fmt.Errorf("compression_level %d: %s does not have this level; choose one from 1 to %d, or 0 for its default", fs.Level, fs.Compression, highest)
	case fs.Timestamp < 0 || fs.Timestamp > math.MaxUint32:
		return fmt.Errorf("timestamp %d: squashfs can't store this time; choose one from 0 to %d, in seconds since 1970", fs.Timestamp, int64(math.MaxUint32))
	case fs.BlockSize < 4<<10 || fs.BlockSize > 1<<20 || fs.BlockSize&(fs.BlockSize-1) != 0:
		return fmt.Errorf("block_size %d: squashfs does not support this size; choose a power of two from 4096 to 1048576, in bytes", fs.BlockSize)
	case fs.Processors < 0:
		return fmt.Errorf("processors %d: the number is negative; choose 1 or more, or 0 for all", fs.Processors)
	case fs.Memory < 0:
		return fmt.Errorf("memory %d: the number is negative; choose a number of MiB, or 0 for mksquashfs's default", fs.Memory)
	}
	return nil
}
