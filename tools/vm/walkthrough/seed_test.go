package walkthrough

import (
	"os"
	"slices"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// TestSeed attaches the walk-through's own image: what fails with ours and works with
// it is our mistake, and what fails with both is the machine's.
func TestSeed(t *testing.T) {
	once(t)
	const name, image = "walkthrough-seed", guest.Files + "/walkthrough-seed.raw"
	if _, err := os.Stat(image); err != nil {
		t.Skip("not among this test's files")
	}
	run(t, "portablectl", "attach", image)
	run(t, "systemctl", "start", name+".socket")
	for _, want := range []string{"Hello! You are visitor #1!", "Hello! You are visitor #2!"} {
		if said := run(t, "curl", "--silent", "--show-error", "localhost:8089"); !slices.Equal(said, []string{want}) {
			t.Errorf("got %q, want %q", said, want)
		}
	}
	run(t, "systemctl", "stop", name+".service", name+".socket")
	run(t, "portablectl", "detach", name)
	nothingLeft(t)
}
