package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// TestControls is the negative control of all tests in virtual machines: a failure in a machine
// fails the test outside, with an explanation.
func TestControls(t *testing.T) {
	for name, want := range map[string]string{
		"FAILS":  "this fails",
		"HANGS":  "the last words",
		"PANICS": "sysrq triggered crash",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			outputs := t.TempDir()
			program, err := runfile.Path("CONTROL_" + name)
			if err != nil {
				t.Fatal(err)
			}
			var said bytes.Buffer
			cmd := exec.CommandContext(t.Context(), program)
			cmd.Stdout, cmd.Stderr = &said, &said
			cmd.Env = append(os.Environ(),
				"VM_TEST="+os.Getenv("CONTROL_"+name)+".json",
				"TEST_UNDECLARED_OUTPUTS_DIR="+outputs,
				"XML_OUTPUT_FILE="+filepath.Join(outputs, "test.xml"))
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if name == "HANGS" {
				// So Bazel ends a test whose time is over.
				waitForText(t, filepath.Join(outputs, "boot1-console.log"), want)
				_ = cmd.Process.Signal(syscall.SIGTERM)
			}
			err = cmd.Wait()
			if cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said.String(), want) {
				t.Errorf("%v, want exit status 1 and %q in:\n%s", err, want, said.String())
			}
			if xml, err := os.ReadFile(filepath.Join(outputs, "test.xml")); name == "FAILS" &&
				(!strings.Contains(string(xml), `name="TestControlFails/passes"`) || !strings.Contains(string(xml), "<failure")) {
				t.Errorf("test.xml has no test that passes and one that fails: %v: %s", err, xml)
			}
		})
	}
}

// patience is several times the time that a machine takes to boot on a busy computer.
const patience = 15 * time.Minute

// waitForText returns when a file has a text.
func waitForText(t *testing.T, path, want string) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		text, _ := os.ReadFile(path)
		if strings.Contains(string(text), want) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("after %v there is no %q in:\n%s", patience, want, text)
		}
	}
}
