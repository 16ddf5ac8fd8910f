package proof

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/bazeltest"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

// A bazel builds this workspace.
type bazel struct {
	*bazeltest.Bazel
	// bin is where bazel-bin leads.
	bin string
}

// userBazel is the user's own, with all that was built before.
func userBazel(t *testing.T) *bazel {
	t.Helper()
	return start(t, bazeltest.Options{UserOutputBase: true})
}

// newBazel has outputs of its own, so that nothing was built before, and the user's stay
// as they are.
func newBazel(t *testing.T) *bazel {
	t.Helper()
	return start(t, bazeltest.Options{})
}

func start(t *testing.T, o bazeltest.Options) *bazel {
	t.Helper()
	o.Dir = bazeltest.Workspace(t)
	// bazel-bin is the user's.
	o.Flags = []string{"--experimental_convenience_symlinks=ignore"}
	b := &bazel{Bazel: bazeltest.New(t, o)}
	b.bin = b.info(t, "bazel-bin")
	return b
}

func (b *bazel) info(t *testing.T, key string) string {
	t.Helper()
	return strings.TrimSpace(b.Print(t, "info", key))
}

func (b *bazel) image() string { return filepath.Join(b.bin, imageName) }

func (b *bazel) spawns(t *testing.T) []*execlog.Spawn {
	t.Helper()
	spawns, err := execlog.ReadFile(b.Log)
	if err != nil {
		t.Fatal(err)
	}
	return spawns
}

// read returns what a build made.
func (b *bazel) read(t *testing.T, output string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(b.bin, output))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// remove has Bazel want the result of one action once more, and of no other.
func (b *bazel) remove(t *testing.T, output string) {
	t.Helper()
	if err := os.Remove(filepath.Join(b.bin, output)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}
