// Package guest is for Go tests that the rules vm_test and portable_test run inside a virtual
// machine. It has the paths of their files, and requests to the program that started the
// machine. The test runs as root, beside systemd as PID 1, and may change everything.
//
//	func TestSurvivesAReboot(t *testing.T) {
//		// … use guest.Files + "/hello.raw", write to the disk guest.Disk("state") …
//		guest.RebootInto(t, "^TestAfterReboot$", "42")
//	}
//
//	func TestAfterReboot(t *testing.T) {
//		value := guest.Staged(t) // "42"; in the first boot this test is skipped
//	}
package guest

import (
	"encoding/json"
	"os"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/protocol"
)

// Paths in a machine.
const (
	// Files has the files of the test.
	Files = "/vm/files"
	// Keep is a directory whose files become outputs of the test, with bootN- before their
	// names.
	Keep = "/run/vm/keep"
)

// Staged skips a test that is for a later boot, unless this is that boot, and returns
// the value that the stage before passed on.
func Staged(t *testing.T) string {
	t.Helper()
	if os.Getenv(protocol.StageVariable) == "" {
		t.Skip("for a later boot")
	}
	return os.Getenv(protocol.ValueVariable)
}

// RebootInto asks for a reboot when the tests of this boot have passed. The next boot
// runs the tests that match the pattern run, and [Staged] returns value there. Only files
// on the disk "state" survive: all others are in memory.
func RebootInto(t *testing.T, run, value string) {
	t.Helper()
	b, err := json.Marshal(protocol.Stage{Run: run, Value: value})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(protocol.NextFile, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// CutPower asks for a power cut: the machine is killed and booted again, and then runs the
// tests that match the pattern run. The kill takes some milliseconds, in which the caller
// should wait. Data that are not on a disk yet are lost.
func CutPower(t *testing.T, run, value string) {
	t.Helper()
	send(t, protocol.Record{Event: protocol.PowerCutEvent, Next: &protocol.Stage{Run: run, Value: value}})
}

// Report reports a measurement, which the test prints and writes to result.json; the unit
// is "ms", "MB", "×" or the like.
func Report(t *testing.T, name string, value float64, unit string) {
	t.Helper()
	send(t, protocol.Record{Event: protocol.FigureEvent, Figure: &protocol.Figure{Name: name, Value: value, Unit: unit}})
}

func send(t *testing.T, r protocol.Record) {
	t.Helper()
	port, err := os.OpenFile(os.Getenv(protocol.PortVariable), os.O_WRONLY, 0)
	if err != nil {
		t.Fatalf("%v; this test runs in a virtual machine only: bazel test //tools/vm:all", err)
	}
	defer port.Close()
	if _, err := port.WriteString(r.Line()); err != nil {
		t.Fatal(err)
	}
}
