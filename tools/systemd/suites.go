package systemd

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/systemd/unpacked"
)

// Suites are the systemds of several Debian suites, the newest first: $SYSTEMDS names the
// archives of their files, as runfiles (@vm_SUITE//:root.tar), or directories with the
// files unpacked. Without it the test is skipped.
func Suites(t testing.TB) []*unpacked.Root {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the suites' programs are for x86-64")
	}
	var roots []*unpacked.Root
	for _, name := range strings.Fields(os.Getenv("SYSTEMDS")) {
		root, err := open(t, name)
		if err != nil {
			t.Fatal(err)
		}
		roots = append(roots, root)
	}
	if len(roots) == 0 {
		t.Skip("$SYSTEMDS names no systemd: Bazel's target for this test does")
	}
	slices.SortFunc(roots, func(a, b *unpacked.Root) int { return b.Version - a.Version })
	return roots
}

func open(t testing.TB, name string) (*unpacked.Root, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return unpacked.Open(t.Context(), name)
	}
	archive, err := runfiles.Rlocation(name)
	if err != nil {
		return nil, err
	}
	return unpacked.OpenArchive(t.Context(), archive, t.TempDir())
}
