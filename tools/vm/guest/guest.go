// Package guest is for tests that run inside a virtual machine of //tools/vm: what
// they can ask of the program that started it.
package guest

import (
	"encoding/json"
	"os"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/wire"
)

// Where things are in a machine.
const (
	// Files is where a vm_test's files are.
	Files = "/vm/files"
	// Keep is a directory whose files become outputs of the test.
	Keep = "/run/vm/keep"
	// NextFile is read when the test has passed: a [wire.Stage], for which the machine
	// is then rebooted.
	NextFile = "/run/vm/next"
)

// Environment variables that the agent sets.
const (
	PortVariable  = "VM_PORT"
	ValueVariable = "VM_VALUE"
	StageVariable = "VM_STAGE"
)

// Staged skips a test that is for a later boot, unless this is that boot, and returns
// what the stage before left for it.
func Staged(t *testing.T) string {
	t.Helper()
	if os.Getenv(StageVariable) == "" {
		t.Skip("for a later boot")
	}
	return os.Getenv(ValueVariable)
}

// RebootInto has the machine rebooted when the tests of this boot have passed, and
// then the tests run that a pattern names.
func RebootInto(t *testing.T, run, value string) {
	t.Helper()
	b, err := json.Marshal(wire.Stage{Run: run, Value: value})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(NextFile, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// CutPower has the machine killed now, and the tests that a pattern names run after
// another boot. It returns, but not for long.
func CutPower(t *testing.T, run, value string) {
	t.Helper()
	send(t, wire.Record{Event: wire.PowerCut, Next: &wire.Stage{Run: run, Value: value}})
}

// Figure reports something measured; the unit is "ms", "MB", "×" or the like.
func Figure(t *testing.T, name string, value float64, unit string) {
	t.Helper()
	send(t, wire.Record{Event: wire.Measured, Figure: &wire.Figure{Name: name, Value: value, Unit: unit}})
}

func send(t *testing.T, r wire.Record) {
	t.Helper()
	port, err := os.OpenFile(os.Getenv(PortVariable), os.O_WRONLY, 0)
	if err != nil {
		t.Fatalf("%v; this test is for a virtual machine: bazel test //tools/vm:all", err)
	}
	defer port.Close()
	if _, err := port.WriteString(r.Line()); err != nil {
		t.Fatal(err)
	}
}
