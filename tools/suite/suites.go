package suite

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// All opens several Debian suites, the newest first. $SYSTEMDS names their archives, as runfiles
// (@vm_SUITE//:root.tar), or directories with unpacked files. All skips the test if it is empty.
func All(t testing.TB) []*Root {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the suites' programs are for x86-64")
	}
	var roots []*Root
	for _, name := range strings.Fields(os.Getenv("SYSTEMDS")) {
		root, err := open(t, name)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root)
	}
	if len(roots) == 0 {
		t.Skip("$SYSTEMDS is empty; run this test with Bazel, which sets it")
	}
	slices.SortFunc(roots, func(a, b *Root) int { return b.Version - a.Version })
	return roots
}

func open(t testing.TB, name string) (*Root, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return Open(t.Context(), name)
	}
	archive, err := runfiles.Rlocation(name)
	if err != nil {
		return nil, err
	}
	return OpenArchive(t.Context(), archive, t.TempDir())
}
