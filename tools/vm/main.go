// Vm runs tests inside virtual machines whose PID 1 is systemd, and gives people a
// console in the same machines. README.md tells how.
//
// usage: vm                       the test that $VM_TEST describes (rule vm_test)
//
//	vm [--suite=SUITE]       a console in one of $VM_MACHINES
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/vm/machine"
)

func main() {
	// The thread that starts QEMU must stay: QEMU dies with it.
	runtime.LockOSThread()
	status, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
	os.Exit(status)
}

func run() (status int, err error) {
	if os.Getenv("VM_TEST") != "" {
		return test()
	}
	return 0, console()
}

// test runs a vm_test.
func test() (status int, err error) {
	path, err := runfile.Path("VM_TEST")
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	t := machine.Test{Log: os.Stdout, Outputs: os.Getenv("TEST_UNDECLARED_OUTPUTS_DIR"), Limit: limit()}
	if err := json.Unmarshal(text, &t); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if err := resolveTest(&t); err != nil {
		return 0, err
	}
	if t.Outputs == "" {
		if t.Outputs, err = os.MkdirTemp("", "vm-outputs"); err != nil {
			return 0, err
		}
		fmt.Fprintln(t.Log, "outputs are in", t.Outputs)
	}
	lock, err := os.ReadFile(t.Machine.Lock)
	if err != nil {
		return 0, err
	}
	fmt.Fprintf(t.Log, "--- %s: packages\n%s", t.Machine.Suite, lock)
	t.KVM = kvm(&t.Machine)
	// bazel test --test_filter
	if only := os.Getenv("TESTBRIDGE_TEST_ONLY"); only != "" {
		t.Run = only
	}
	result, err := t.Start(context.Background())
	if err != nil {
		return 0, err
	}
	return result.Status, report(&t, result)
}

// kvm says whether the processor's own virtualization is wanted and works.
func kvm(m *machine.Machine) bool {
	return os.Getenv("VM_ACCEL") == "auto" && m.BootsWithKVM(context.Background(), os.Stdout)
}

// limit is Bazel's, less what is needed to tell of a machine that hangs.
func limit() time.Duration {
	seconds, err := strconv.Atoi(os.Getenv("TEST_TIMEOUT"))
	if err != nil || seconds < 60 {
		return 15 * time.Minute
	}
	return time.Duration(seconds-20) * time.Second
}

// report prints the figures and keeps all results for programs.
func report(t *machine.Test, result machine.Result) error {
	for i, b := range result.Boots {
		fmt.Fprintf(t.Log, "--- %s: boot %d: up after %.1f s, ended after %.1f s, %d MB\n", result.Suite, i+1, b.Up, b.Seconds, b.Memory)
	}
	for _, f := range result.Figures {
		fmt.Fprintf(t.Log, "--- %s: %s: %.4g %s\n", result.Suite, f.Name, f.Value, f.Unit)
	}
	text, err := json.MarshalIndent(result, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.Outputs, "result.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	if to := os.Getenv("XML_OUTPUT_FILE"); to != "" {
		return mergeXML(t.Outputs, to)
	}
	return nil
}

// resolveTest turns runfiles locations into paths.
func resolveTest(t *machine.Test) error {
	if err := resolveMachine(&t.Machine); err != nil {
		return err
	}
	for name, location := range t.Files {
		path, err := runfiles.Rlocation(location)
		if err != nil {
			return err
		}
		t.Files[name] = path
	}
	return resolve(&t.Program)
}

func resolveMachine(m *machine.Machine) error {
	for i := range m.Firmware {
		if err := resolve(&m.Firmware[i]); err != nil {
			return err
		}
	}
	return resolve(&m.QEMU, &m.Kernel, &m.Initrd, &m.Lock, &m.Agent)
}

func resolve(locations ...*string) (err error) {
	for _, location := range locations {
		if *location, err = runfiles.Rlocation(*location); err != nil {
			return err
		}
	}
	return nil
}
