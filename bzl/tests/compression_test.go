package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/squashfs"
)

// Each compressor is used, with the level that the rule chooses, and what it packed
// comes out again.
func TestCompressions(t *testing.T) {
	want, err := os.ReadFile(runfile.Of(t, "HELPER"))
	if err != nil {
		t.Fatal(err)
	}
	// gzip's 9 is its default, which the file system does not record.
	for name, level := range map[string]string{"gzip": "", "lz4": "", "xz": "", "zstd": "compression-level 19"} {
		t.Run(name, func(t *testing.T) {
			image := runfile.Of(t, strings.ToUpper(name))
			lines, err := squashfs.ForTest(t).Superblock(t.Context(), image)
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(lines, "\n")
			for _, line := range []string{"Compression " + name, "Block size 131072", level} {
				if !strings.Contains(said, line) {
					t.Errorf("%q is not in: %s", line, said)
				}
			}
			got, err := os.ReadFile(filepath.Join(squashfs.Unpack(t, image), "usr/bin", name))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("the program is not what was packed: %v", err)
			}
		})
	}
}
