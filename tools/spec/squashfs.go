package spec

import (
	"errors"
	"fmt"
	"math"
)

// Squashfs says how the file system is made.
type Squashfs struct {
	// Mksquashfs is the program; Loader, if not empty, the dynamic loader to start
	// it with, whose libraries lie in the directory Libraries.
	Mksquashfs string `json:"mksquashfs"`
	Loader     string `json:"loader"`
	Libraries  string `json:"libraries"`
	// Compression is gzip, lz4, xz or zstd; Level its level, 0 for its default.
	Compression string `json:"compression"`
	Level       int    `json:"level"`
	// BlockSize is in bytes: a power of two from 4 KiB to 1 MiB.
	BlockSize int `json:"block_size"`
	// Timestamp is the time of all that is in the file system, and its own, in seconds
	// since 1970.
	Timestamp int64 `json:"timestamp"`
	// Processors bounds the compressor's threads. It has no say in the bytes.
	Processors int `json:"processors"`
	// Memory bounds mksquashfs's caches, in MiB; 0 for its default, a quarter of
	// the machine's. It has no say in the bytes either.
	Memory int `json:"memory"`
}

// maxLevel holds the compressions and their highest level; lz4 and xz have none.
var maxLevel = map[string]int{"gzip": 9, "lz4": 0, "xz": 0, "zstd": 22}

func (q *Squashfs) check() error {
	highest, known := maxLevel[q.Compression]
	switch {
	case q.Mksquashfs == "":
		return errors.New("spec names no mksquashfs")
	case !known:
		return fmt.Errorf("compression %q is none of gzip, lz4, xz and zstd; choose one of them", q.Compression)
	case q.Level < 0 || q.Level > highest:
		if highest == 0 {
			return fmt.Errorf("compression %s has no levels; leave compression_level out", q.Compression)
		}
		return fmt.Errorf("compression_level %d: %s has no such level; choose one from 1 to %d, or 0 for its default", q.Level, q.Compression, highest)
	case q.Timestamp < 0 || q.Timestamp > math.MaxUint32:
		return fmt.Errorf("timestamp %d: squashfs has no such time; choose one from 0 to %d, in seconds since 1970", q.Timestamp, int64(math.MaxUint32))
	case q.BlockSize < 4<<10 || q.BlockSize > 1<<20 || q.BlockSize&(q.BlockSize-1) != 0:
		return fmt.Errorf("block_size %d: squashfs has no such blocks; choose a power of two from 4096 to 1048576, in bytes", q.BlockSize)
	}
	return nil
}
