package walkthrough

import (
	"embed"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// golden are portable_test's words for the images of //tools/vm/faults.
//
//go:embed testdata/faults/*.txt
var golden embed.FS

// changing are the parts of those words that change from run to run.
var changing = []struct {
	is *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`NRestarts=\d+`), "NRestarts=N"},
	// Between two starts, in one, or after one: each is a state of its own, and some are newer systemds' only.
	{regexp.MustCompile(`(active \(running\)|(de)?activating \([a-z-]+\)|(inactive|failed) \([a-z]+-before-auto-restart\)), Result=[a-z-]+(, ExecMainStatus=\d+)?`), "starts and ends"},
}

// TestFaults has portable_test's steps fail, each by the fault that was planted in an
// image. The message names the fault: that the rule's own test would pass is seen nowhere
// else, and that it fails for this reason is seen here.
func TestFaults(t *testing.T) {
	once(t)
	plans, err := filepath.Glob(guest.Files + "/faults/*.plan.json")
	must(t, err)
	if len(plans) != 5 {
		t.Fatalf("%d plans for images with faults, want 5", len(plans))
	}
	for _, plan := range plans {
		fault, _, _ := strings.Cut(filepath.Base(plan), "_")
		t.Run(fault, func(t *testing.T) {
			t.Cleanup(func() { _ = exec.Command("systemctl", "stop", "other-server.socket").Run() })
			steps := exec.Command(guest.Files+"/lifecycle", "-test.v")
			steps.Env = append(os.Environ(), "LIFECYCLE_PLAN="+plan, "XML_OUTPUT_FILE=")
			out, err := steps.CombinedOutput()
			if steps.ProcessState.ExitCode() != 1 {
				t.Errorf("%v, want exit status 1", err)
			}
			said := message(string(out))
			must(t, os.WriteFile(guest.Keep+"/"+fault+".txt", []byte(said), 0o644))
			want, err := golden.ReadFile("testdata/faults/" + fault + ".txt")
			if err != nil || said != string(want) {
				t.Errorf("%v: the message is\n%s\nwant\n%s\nAll it printed:\n%s\nIf the message is right, it is bootN-%[5]s.txt among the test's outputs.", err, said, want, out, fault)
			}
			nothingLeft(t)
		})
	}
}

// message is the part of a test's output that says what failed.
func message(out string) string {
	_, said, _ := strings.Cut(out, ": step ")
	said, _, _ = strings.Cut(said, "\n--- FAIL")
	for _, c := range changing {
		said = c.is.ReplaceAllString(said, c.to)
	}
	return said + "\n"
}
