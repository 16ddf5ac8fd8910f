package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// TestRunner is the negative control of all tests in virtual machines: what goes
// wrong there is a failure here, and is explained.
func TestRunner(t *testing.T) {
	for name, want := range map[string]struct {
		status int
		says   string
	}{
		"PASSES": {0, "this passes"},
		"FAILS":  {1, "this fails"},
		"HANGS":  {1, "the last words"},
		"PANICS": {1, "sysrq triggered crash"},
	} {
		t.Run(name, func(t *testing.T) {
			outputs := t.TempDir()
			program, err := runfile.Path("CONTROL_" + name)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Env = append(os.Environ(),
				"VM_TEST="+os.Getenv("CONTROL_"+name)+".json",
				"TEST_UNDECLARED_OUTPUTS_DIR="+outputs,
				"XML_OUTPUT_FILE="+filepath.Join(outputs, "test.xml"),
				"TEST_TIMEOUT=80")
			said, err := cmd.CombinedOutput()
			if status := cmd.ProcessState.ExitCode(); status != want.status || !strings.Contains(string(said), want.says) {
				t.Errorf("status %d, %v, want %d and %q in:\n%s", status, err, want.status, want.says, said)
			}
			xml, err := os.ReadFile(filepath.Join(outputs, "test.xml"))
			if want.status == 0 && !strings.Contains(string(xml), `name="TestPasses"`) {
				t.Errorf("test.xml does not know the test: %v: %s", err, xml)
			}
		})
	}
}
