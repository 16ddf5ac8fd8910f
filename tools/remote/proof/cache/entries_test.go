package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// change replaces a file of the cache for the rest of the test; nil removes it. The file
// itself stays as it is: it may have other names.
func (p *proof) change(t *testing.T, path string, by func(text []byte) []byte) {
	t.Helper()
	file := p.cache.File(path)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { replace(t, file, text) })
	replace(t, file, by(bytes.Clone(text)))
}

func replace(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if text == nil {
		return
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func flipped(text []byte) []byte {
	text = bytes.Clone(text)
	text[len(text)/2] ^= 1
	return text
}

func truncated(text []byte) []byte { return text[:len(text)/2] }

func garbage(text []byte) []byte { return bytes.Repeat([]byte{0xff}, len(text)) }

// What the cache has of the image action is wrong; the image is made here, and right.
func (p *proof) badEntries(t *testing.T) {
	for _, c := range []struct {
		name string
		path string
		by   func([]byte) []byte
		says string
	}{
		{"a blob with a flipped bit", p.blobPath(), flipped, "does not match received digest"},
		{"a truncated blob", p.blobPath(), truncated, "does not match received digest"},
		// A miss as any other.
		{"a blob that was evicted", p.blobPath(), func([]byte) []byte { return nil }, silence},
		{"a result that is garbage", p.resultPath(), garbage, "malformed varint"},
		{"a truncated result", p.resultPath(), truncated, "input ended unexpectedly in the middle of a field"},
		{"an empty result", p.resultPath(), func([]byte) []byte { return []byte{} }, "mandatory output " + imageName + " was not created"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p.change(t, c.path, c.by)
			p.madeHere(t, p.again(t, p.cache.Address, read), c.says)
		})
	}
}

// What verifies, and what nothing can verify.
func (p *proof) keptOut(t *testing.T) {
	t.Run("without verification a flipped bit comes through", func(t *testing.T) {
		p.change(t, p.blobPath(), flipped)
		p.again(t, p.cache.Address, read, "--remote_verify_downloads=false")
		if bytes.Equal(p.b.Output(t, imageName), p.image) {
			t.Error("the image is the right one all the same")
		}
	})
	// The reason why only who is trusted may write.
	t.Run("a lie of who may write is believed", func(t *testing.T) {
		lie := flipped(p.image)
		digest := sha256.Sum256(lie)
		file := p.cache.File("/cas/" + hex.EncodeToString(digest[:]))
		replace(t, file, lie)
		t.Cleanup(func() { replace(t, file, nil) })
		p.change(t, p.resultPath(), func(text []byte) []byte {
			truth := []byte(strings.TrimPrefix(p.blobPath(), "/cas/"))
			return bytes.ReplaceAll(text, truth, []byte(hex.EncodeToString(digest[:])))
		})
		p.again(t, p.cache.Address, read)
		p.executed(t)
		if !bytes.Equal(p.b.Output(t, imageName), lie) {
			t.Error("the image is not the lie; does Bazel know better now?")
		}
	})
}

// Of what was not fetched, as nobody wanted it yet, the cache may have lost something when
// an action wants it.
func (p *proof) evicted(t *testing.T) {
	// Bazel goes on to believe that something is lost.
	defer p.fresh(t, read)
	lose := func(t *testing.T) {
		p.fresh(t, read, "--remote_download_minimal")
		p.executed(t)
		for _, input := range p.making.Inputs {
			if file := input.Value(); strings.HasSuffix(file.Path, "/service/service_/service") {
				p.change(t, "/cas/"+file.Digest.Hash, func([]byte) []byte { return nil })
			}
		}
		p.b.Edit(t, unit, before, after)
		t.Cleanup(func() { p.b.Edit(t, unit, after, before) })
	}
	t.Run("is built in another go", func(t *testing.T) {
		lose(t)
		said := p.build(t, p.cache.Address, read, "--remote_download_toplevel")
		if says := "retrying the build"; !strings.Contains(said, says) {
			t.Errorf("Bazel does not say %q", says)
		}
		if bytes.Equal(p.b.Output(t, imageName), p.image) {
			t.Error("the edited unit did not get into the image")
		}
	})
	t.Run("control: without that the build fails", func(t *testing.T) {
		lose(t)
		said, err := p.b.Try(t, "build", "--remote_cache="+p.cache.Address, "//:image", read,
			"--remote_download_toplevel", "--experimental_remote_cache_eviction_retries=0")
		if err == nil || !strings.Contains(said, "Missing digest") {
			t.Errorf("got %v, want a failure for a missing digest", err)
		}
	})
}
