package walkthrough

import (
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// Two versions of the image, by their file names.
const (
	version1 = guest.Files + "/" + name + "_1.raw"
	version2 = guest.Files + "/" + name + "_2.raw"
)

// TestUpgrade replaces the image by another version, that by the first one, and that by one
// with a hash tree, while clients come.
func TestUpgrade(t *testing.T) {
	needs(t, 248, "portablectl has no reattach")
	attach(t, version1)
	run(t, "systemctl", "start", socket)
	first := visit(t)
	listening := inode(t)
	all, stopLoad := load(4)
	images := []string{version2, version1}
	withVerity := hasVerity(t)
	if withVerity {
		images = append(images, withRootHash(t, laid(t, verity2, 0)))
	}
	for _, image := range images {
		all.after(t, 30)
		run(t, "portablectl", "reattach", image)
		all.after(t, 30)
		run(t, "systemctl", "restart", service)
		all.after(t, 30)
		if got := show(t, service, "RootImage")["RootImage"]; got != image {
			t.Errorf("RootImage=%s, want %s", got, image)
		}
		if got := inode(t); got != listening {
			t.Errorf("the socket was replaced: inode %s, before %s", got, listening)
		}
	}
	if verity(t) != withVerity {
		t.Errorf("dm-verity is in use: %v", verity(t))
	}
	stopLoad()
	count, highest := all.verify(t)
	if highest != first+uint64(count) {
		t.Errorf("%d visitors after #%d, but the last one is #%d", count, first, highest)
	}
	t.Logf("%d requests", count)
	expect(t, socket, "Result", "success")
	last := images[len(images)-1]
	if list := strings.Join(run(t, "portablectl", "list", "--no-legend"), "\n"); !strings.Contains(list, strings.TrimSuffix(filepath.Base(last), ".raw")) {
		t.Errorf("portablectl list: %q", list)
	}
	stop(t)
	// Older systemds know the image by its version too.
	run(t, "portablectl", "detach", last)
}
