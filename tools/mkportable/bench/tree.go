package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"example.org/portable-walkthrough-go/tools/spec"
)

// A treeSize is a number of files, or the size of a single one.
type treeSize struct {
	files int
	bytes int64 // of each, on average
}

// perTree bounds the contents of a tree of many files.
const perTree = 500_000_000

func parseSize(text string) (treeSize, error) {
	if number, ok := strings.CutSuffix(text, "GiB"); ok {
		gibibytes, err := strconv.ParseInt(number, 10, 64)
		if err != nil || gibibytes < 1 {
			return treeSize{}, fmt.Errorf("size %q is not a number of GiB from 1 on", text)
		}
		return treeSize{1, gibibytes << 30}, nil
	}
	files, err := strconv.Atoi(text)
	if err != nil || files < 1 {
		return treeSize{}, fmt.Errorf("size %q is neither a number of files from 1 on, nor of bytes, as 4GiB", text)
	}
	return treeSize{files, min(25_000, perTree/int64(files))}, nil
}

func (s treeSize) String() string {
	if s.bytes >= 1<<30 {
		return fmt.Sprintf("a file of %d GiB", s.bytes>>30)
	}
	return fmt.Sprintf("%d files, %d MB", s.files, int64(s.files)*s.bytes/1_000_000)
}

// rounds is how often to measure for a median, in reasonable time.
func (s treeSize) rounds() int {
	if s.files > 200_000 || s.bytes >= 1<<30 {
		return 3
	}
	return 5
}

// room is the disk space that the tree needs, with its image.
func (s treeSize) room() int64 {
	const block = 4096
	return int64(s.files) * ((s.bytes+block-1)/block*block + 512) * 2
}

// makeTree writes the files, the same ones each time, and a spec of them.
func (b *benchmark) makeTree(ctx context.Context, size treeSize) error {
	var disk syscall.Statfs_t
	if err := syscall.Statfs(b.root, &disk); err != nil {
		return err
	}
	if free := int64(disk.Bavail) * disk.Bsize; free < size.room() {
		return fmt.Errorf("%d MB are needed in %s, %d MB are free; set TMPDIR to a directory on another disk", size.room()/1_000_000, b.root, free/1_000_000)
	}
	file, err := os.Create(b.spec())
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewWriter(file)
	encoder := json.NewEncoder(lines)
	header := spec.Header{Label: "//:bench", Name: "bench", Prefixes: []string{"bench"}, UnitDir: "/usr/lib/systemd/system"}
	if err := encoder.Encode(header); err != nil {
		return err
	}
	add := func(name string, write func(path string) error) error {
		path := filepath.Join(b.tree(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := write(path); err != nil {
			return err
		}
		return encoder.Encode(spec.Entry{Path: name, Type: spec.File, Mode: "0644", Source: path})
	}
	// A portable service needs these files.
	for name, content := range map[string]string{
		"/usr/lib/os-release":             "ID=bench\n",
		header.UnitDir + "/bench.service": "[Service]\nExecStart=/usr/bin/bench\n",
	} {
		if err := add(name, func(path string) error { return os.WriteFile(path, []byte(content), 0o644) }); err != nil {
			return err
		}
	}
	random := rand.NewChaCha8([32]byte{})
	for i := range size.files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := add(fmt.Sprintf("/usr/share/bench/%04d/file%07d", i/1000, i), func(path string) error {
			if size.bytes >= 1<<30 {
				return writeLarge(path, size.bytes, random)
			}
			content := make([]byte, vary(size.bytes, random))
			// Half of it can be compressed.
			_, _ = random.Read(content[:len(content)/2])
			return os.WriteFile(path, content, 0o644)
		}); err != nil {
			return err
		}
	}
	return lines.Flush()
}

// vary is half to one and a half times a size. mksquashfs looks for duplicates among files
// of the same size, each with each: 100 000 of them would take minutes, in any way.
func vary(bytes int64, random *rand.ChaCha8) int64 {
	return bytes/2 + int64(random.Uint64()%uint64(bytes+1))
}

// writeLarge writes a file in which one MiB of 16 is random and the others repeat it. There are
// no holes: mksquashfs would skip them in a directory, but not in an archive.
func writeLarge(path string, bytes int64, random *rand.ChaCha8) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	same := []byte(strings.Repeat("twenty bytes of text, ", 1<<20/22+1))[:1<<20]
	content := make([]byte, 1<<20)
	_, _ = random.Read(content)
	for mib := range bytes >> 20 {
		next := same
		if mib%16 == 0 {
			_, _ = random.Read(content)
			next = content
		}
		if _, err := file.Write(next); err != nil {
			return err
		}
	}
	return nil
}
