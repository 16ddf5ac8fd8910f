// Vm runs tests inside virtual machines whose PID 1 is systemd, and gives users a
// console in the same machines. README.md explains how.
//
// It is one program with four roles:
//
//   - mkroot makes a kernel and a root file system from Debian packages (rule vm_machine);
//   - test boots a machine and runs a test in it (rule vm_test);
//   - console boots a machine with a shell (rule vm_console);
//   - init runs in the machine itself, first as the kernel's /init and then as the
//     service that runs the test.
//
// usage:
//
//	vm mkroot KERNEL INITRD ROOT.TAR [PACKAGES.TAR]...
//	vm                        with $VM_TEST, the description that vm_test writes
//	vm [--suite=SUITE]        with $VM_CONSOLE, the description that vm_console writes
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/runfile"
)

func main() {
	status, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		status = 1
	}
	os.Exit(status)
}

func run() (status int, err error) {
	if os.Args[0] == "/init" {
		return 0, runInside()
	}
	if len(os.Args) > 1 && os.Args[1] == "mkroot" {
		return 0, mkroot(os.Args[2:])
	}
	// QEMU is killed when the thread that started it ends (PR_SET_PDEATHSIG).
	runtime.LockOSThread()
	// Bazel sends SIGTERM when a test's time is over, and waits for some seconds. Users press
	// Ctrl-C, or close a console's window.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if os.Getenv("VM_TEST") != "" {
		return test(ctx)
	}
	return 0, console(ctx)
}

// readDescription reads the JSON file whose runfiles location is in an environment
// variable.
func readDescription(variable string, into any) error {
	path, err := runfile.Path(variable)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// resolve turns runfiles locations into paths.
func resolve(locations ...*string) (err error) {
	for _, location := range locations {
		if *location, err = runfiles.Rlocation(*location); err != nil {
			return err
		}
	}
	return nil
}

// resolveFiles does the same for the values of a map.
func resolveFiles(files map[string]string) error {
	for name, location := range files {
		if err := resolve(&location); err != nil {
			return err
		}
		files[name] = location
	}
	return nil
}
