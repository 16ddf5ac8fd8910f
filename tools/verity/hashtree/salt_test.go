package hashtree

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"runtime"
	"testing"
)

// The salt is part of each image's bytes. An implementation in another language gave this one.
func TestSaltIsGolden(t *testing.T) {
	const want = "0f252ac6e8ca2b3484aa48376357f99a5ae75acf5a443b9b3f61d8820d7663f9"
	data := pattern(300)
	for _, processors := range []int{1, 7} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		salt, err := Salt(t.Context(), bytes.NewReader(data), int64(len(data)))
		if got := hex.EncodeToString(salt); err != nil || got != want {
			t.Errorf("%d processors: %s, %v; want %s", processors, got, err, want)
		}
	}
}

func TestOtherDataHaveAnotherSalt(t *testing.T) {
	data := pattern(300)
	changed := func(change func(data []byte)) []byte {
		data := bytes.Clone(data)
		change(data)
		return data
	}
	seen := map[string]string{}
	for name, data := range map[string][]byte{
		"unchanged":           data,
		"the first bit":       changed(func(data []byte) { data[0] ^= 1 }),
		"the last bit":        changed(func(data []byte) { data[len(data)-1] ^= 0x80 }),
		"a bit of each chunk": changed(func(data []byte) { data[0] ^= 1; data[chunkSize] ^= 1; data[2*chunkSize] ^= 1 }),
		"two chunks swapped": changed(func(data []byte) {
			first := bytes.Clone(data[:chunkSize])
			copy(data, data[chunkSize:2*chunkSize])
			copy(data[chunkSize:], first)
		}),
		"a block less":        data[:len(data)-BlockSize],
		"a block of zeros":    make([]byte, BlockSize),
		"two blocks of zeros": make([]byte, 2*BlockSize),
	} {
		salt, err := Salt(t.Context(), bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[string(salt)]; ok {
			t.Errorf("%s and %s have one salt", name, other)
		}
		seen[string(salt)] = name
	}
}

func TestSaltErrors(t *testing.T) {
	data := pattern(1000)
	if _, err := Salt(t.Context(), broken{bytes.NewReader(data)}, int64(len(data))); !errors.Is(err, errBroken) {
		t.Errorf("a disk that can't be read: %v", err)
	}
	if _, err := Salt(t.Context(), bytes.NewReader(data), int64(len(data))+1); err == nil {
		t.Error("too little data: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Salt(ctx, bytes.NewReader(data), int64(len(data))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
