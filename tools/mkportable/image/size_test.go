package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckSize(t *testing.T) {
	dir := t.TempDir()
	image, manifest, output := filepath.Join(dir, "image.raw"), filepath.Join(dir, "manifest"), filepath.Join(dir, "verdict")
	if err := os.WriteFile(image, make([]byte, 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	text := manifestColumns + "/srv\tdirectory\t0755\t0:0\t-\t-\tadded: parent directory\n"
	for i := range 12 {
		text += fmt.Sprintf("/srv/%02d\tfile\t0644\t0:0\t%d\tdigest\tfiles in //:image\n", i, i*100)
	}
	if err := os.WriteFile(manifest, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := CheckSize("//:image", image, manifest, output, 1000); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
	if _, err := os.Stat(output); err != nil {
		t.Error(err)
	}
	os.Remove(output)

	err := CheckSize("//:image", image, manifest, output, 999)
	expect(t, err, "//:image: the image has 1000 bytes, 1 more than max_size = 999; pack less, or raise max_size.")
	lines := strings.Split(err.Error(), "\n")[1:]
	if len(lines) != 10 || lines[0] != "        1100  /srv/11 (from files in //:image)" || !strings.Contains(lines[9], " /srv/02 ") {
		t.Errorf("got %q", lines)
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("a verdict is left")
	}
}
