package hashtree

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

var salt = []byte("a salt")

// pattern is data of so many blocks, the same each time.
func pattern(blocks int) []byte {
	data := make([]byte, blocks*BlockSize)
	_, _ = rand.NewChaCha8([32]byte{}).Read(data)
	return data
}

// reference is the tree in the words of dm-verity's documentation, without a superblock:
// levels from the top down.
func reference(data []byte) (tree []byte, root Hash) {
	sum := func(block []byte) []byte {
		h := sha256.Sum256(append(bytes.Clone(salt), block...))
		return h[:]
	}
	for len(data) > BlockSize {
		var level []byte
		for len(data) > 0 {
			level = append(level, sum(data[:BlockSize])...)
			data = data[BlockSize:]
		}
		for len(level)%BlockSize != 0 {
			level = append(level, 0)
		}
		tree = append(bytes.Clone(level), tree...)
		data = level
	}
	return tree, Hash(sum(data))
}

// write writes a tree to a file.
func write(t *testing.T, data []byte) (*os.File, Hash) {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "tree"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	s := &Superblock{UUID: [16]byte{1, 2, 3}, DataBlocks: int64(len(data) / BlockSize), Salt: salt}
	root, err := s.WriteTree(t.Context(), bytes.NewReader(data), file)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(file); err != nil {
		t.Fatal(err)
	}
	return file, root
}

// Around each number of blocks at which the tree gets a level more, or a chunk is full.
var sizes = []int{1, 2, 127, 128, 129, 255, 256, 257, 1000, 128 * 128, 128*128 + 1}

func TestTreeIsTheReference(t *testing.T) {
	for _, blocks := range sizes {
		for _, processors := range []int{1, 7} {
			t.Run(fmt.Sprintf("%d blocks, %d processors", blocks, processors), func(t *testing.T) {
				defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
				data := pattern(blocks)
				file, root := write(t, data)
				got, err := os.ReadFile(file.Name())
				if err != nil {
					t.Fatal(err)
				}
				tree, wanted := reference(data)
				if root != wanted || !bytes.Equal(got[BlockSize:], tree) {
					t.Errorf("root %x, want %x; the trees are equal: %v", root, wanted, bytes.Equal(got[BlockSize:], tree))
				}
				if size := Size(int64(len(data))); size != int64(len(got)) {
					t.Errorf("Size is %d, the tree has %d bytes", size, len(got))
				}
				s, checked, err := Check(t.Context(), bytes.NewReader(data), int64(len(data)), file, int64(len(got)))
				if err != nil || checked != root || s.UUID != [16]byte{1, 2, 3} || !bytes.Equal(s.Salt, salt) {
					t.Errorf("Check: %+v, %x, %v", s, checked, err)
				}
			})
		}
	}
}

// cryptsetup's tests have no vectors; the bytes were compared with veritysetup's, by
// //tools/verity/others. This is the superblock's form.
func TestSuperblock(t *testing.T) {
	b := (&Superblock{UUID: [16]byte{0xaa}, DataBlocks: 258, Salt: salt}).bytes()
	want := append([]byte("verity\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\xaa"), make([]byte, 15)...)
	want = append(want, "sha256"...)
	want = append(want, make([]byte, 26)...)
	want = append(want, 0, 0x10, 0, 0, 0, 0x10, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0)
	want = append(want, salt...)
	if !bytes.HasPrefix(b, want) || len(b) != BlockSize || len(bytes.TrimRight(b, "\x00")) != len(want) {
		t.Errorf("got  %x\nwant %x", b[:100], want)
	}
}

func TestDamageIsSeen(t *testing.T) {
	const blocks = 128*128 + 1 // three levels: 1, 2 and 129 blocks
	data := pattern(blocks)
	file, root := write(t, data)
	tree, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		change func(data, tree []byte)
		want   string // "" for another root hash only
	}{
		"data":                  {func(data, _ []byte) { data[5*BlockSize+9] ^= 1 }, "data: 1 of 16385 blocks do not have the hash that the tree has of them, the first at byte 20480"},
		"much data":             {func(data, _ []byte) { clear(data[3*BlockSize : 1000*BlockSize]) }, "data: 997 of 16385 blocks do not have the hash that the tree has of them, the first at byte 12288"},
		"last block":            {func(data, _ []byte) { data[len(data)-1] ^= 1 }, "the first at byte 67108864"},
		"lowest level":          {func(_, tree []byte) { tree[BlockSize*6] ^= 1 }, "hash tree: level 0: 1 of 129 blocks"},
		"lowest level's end":    {func(_, tree []byte) { tree[len(tree)-1] ^= 1 }, "hash tree: level 0: 1 of 129 blocks"},
		"middle level":          {func(_, tree []byte) { tree[BlockSize*2] ^= 1 }, "hash tree: level 1: 1 of 2 blocks"},
		"top, where no hash is": {func(_, tree []byte) { tree[BlockSize*2-1] ^= 1 }, ""},
		"top":                   {func(_, tree []byte) { tree[BlockSize] ^= 1 }, "hash tree: level 1: 1 of 2 blocks"},
		"salt":                  {func(_, tree []byte) { tree[88] ^= 1 }, "hash tree: level 1: 2 of 2 blocks"},
		"magic":                 {func(_, tree []byte) { tree[0] ^= 1 }, "no verity superblock"},
		"version":               {func(_, tree []byte) { tree[8] = 2 }, "of version 2"},
		"algorithm":             {func(_, tree []byte) { copy(tree[32:], "sha1\x00\x00") }, `hash tree of "sha1"`},
		"block size":            {func(_, tree []byte) { tree[65] = 2 }, "with blocks of 512"},
		"salt's size":           {func(_, tree []byte) { tree[81] = 2 }, "a salt of 518 bytes"},
		"no blocks":             {func(_, tree []byte) { clear(tree[72:80]) }, "of 0 blocks"},
		"too many blocks":       {func(_, tree []byte) { tree[75] = 1 }, "is of"},
		"far too many":          {func(_, tree []byte) { tree[79] = 0xff }, "superblock of"},
	} {
		t.Run(name, func(t *testing.T) {
			data, tree := bytes.Clone(data), bytes.Clone(tree)
			test.change(data, tree)
			_, got, err := Check(t.Context(), bytes.NewReader(data), int64(len(data)), bytes.NewReader(tree), int64(len(tree)))
			switch {
			case test.want == "" && (err != nil || got == root):
				t.Errorf("root hash is the same: %v, %v", got == root, err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// broken fails at a byte.
type broken struct{ *bytes.Reader }

var errBroken = errors.New("the disk is broken")

func (b broken) ReadAt(p []byte, offset int64) (int, error) {
	if offset > 1<<20 {
		return 0, errBroken
	}
	return b.Reader.ReadAt(p, offset)
}

func TestErrorsAndCancelling(t *testing.T) {
	data := pattern(1000)
	s := &Superblock{DataBlocks: 1000}
	file, err := os.Create(filepath.Join(t.TempDir(), "tree"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := s.WriteTree(t.Context(), broken{bytes.NewReader(data)}, file); !errors.Is(err, errBroken) {
		t.Errorf("a disk that can't be read: %v", err)
	}
	s.DataBlocks = 1001
	if _, err := s.WriteTree(t.Context(), bytes.NewReader(data), file); err == nil {
		t.Error("too little data: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.WriteTree(ctx, bytes.NewReader(data), file); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
