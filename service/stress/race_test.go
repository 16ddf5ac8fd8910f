package stress

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// Under --config=race a program with a data race does not end well, so that the
// service's good ends in the other tests mean something. Without, nobody notices.
func TestTheRaceDetectorIsThere(t *testing.T) {
	path, err := runfile.Path("RACY")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Env = []string{"GORACE=" + os.Getenv("GORACE")}
	said, err := cmd.CombinedOutput()
	want := 0
	if slow() {
		want = 66
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || cmd.ProcessState.ExitCode() != want {
		t.Errorf("got %v, want status %d: %s", err, want, said)
	}
}
