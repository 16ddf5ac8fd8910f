// Package guest is for tests that run inside a virtual machine of //tools/vm: where
// their files are, and what they can ask of the program that started the machine.
package guest

import (
	"encoding/json"
	"os"
	"testing"
)

// Paths in a machine.
const (
	// Files has the files of the vm_test.
	Files = "/vm/files"
	// Keep is a directory whose files become outputs of the test.
	Keep = "/run/vm/keep"
	// NextFile is read when the tests have passed: a [Stage], for which the machine is
	// then rebooted.
	NextFile = "/run/vm/next"
)

// Environment variables of the test.
const (
	PortVariable  = "VM_PORT"
	ValueVariable = "VM_VALUE"
	StageVariable = "VM_STAGE"
)

// Staged skips a test that is for a later boot, unless this is that boot, and returns
// the value that the stage before passed on.
func Staged(t *testing.T) string {
	t.Helper()
	if os.Getenv(StageVariable) == "" {
		t.Skip("for a later boot")
	}
	return os.Getenv(ValueVariable)
}

// RebootInto asks for a reboot when the tests of this boot have passed. The next boot
// runs the tests that the pattern run names, and [Staged] returns value there.
func RebootInto(t *testing.T, run, value string) {
	t.Helper()
	b, err := json.Marshal(Stage{Run: run, Value: value})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(NextFile, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// CutPower asks for the machine to be killed now, and for the tests that the pattern
// run names to be run after another boot. The caller has some milliseconds left.
func CutPower(t *testing.T, run, value string) {
	t.Helper()
	send(t, Record{Event: PowerCutEvent, Next: &Stage{Run: run, Value: value}})
}

// Report reports a measurement; the unit is "ms", "MB", "×" or the like.
func Report(t *testing.T, name string, value float64, unit string) {
	t.Helper()
	send(t, Record{Event: FigureEvent, Figure: &Figure{Name: name, Value: value, Unit: unit}})
}

func send(t *testing.T, r Record) {
	t.Helper()
	port, err := os.OpenFile(os.Getenv(PortVariable), os.O_WRONLY, 0)
	if err != nil {
		t.Fatalf("%v; this test runs in a virtual machine only: bazel test //tools/vm:all", err)
	}
	defer port.Close()
	if _, err := port.WriteString(r.Line()); err != nil {
		t.Fatal(err)
	}
}
