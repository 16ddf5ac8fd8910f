package tests

import (
	"bytes"
	"context"
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/skip"
)

// needNamespaces skips a test if the kernel forbids namespaces. With a provisioned Bazel it
// never skips, because provisioning needs them as well.
func needNamespaces(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), self(t))
	cmd.Env = []string{lookAround + "=1"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		skip.OrFail(t, "no user namespaces on this machine: %v: %s", err, out)
	}
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// bubblewrap is skipped without where the open world has none.
func bubblewrap(t *testing.T) program.Program {
	t.Helper()
	needNamespaces(t)
	bwrap, err := program.Find(runfile.Of(t, "BWRAP"))
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(bwrap.Path) == "absent" {
		skip.OrFail(t, "no bubblewrap on this machine; install it to have the image action run in an empty root")
	}
	return bwrap
}

// lookAround makes the test binary print its surroundings, and do nothing else.
const lookAround = "TEST_LOOK_AROUND"

// tellWhatIsThere prints the names in the root directory and the environment.
func tellWhatIsThere() {
	entries, err := os.ReadDir("/")
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	fmt.Println(names, err, os.Environ())
}

// inEmptyRoot returns a command that runs a program of the action's directory in a root that has
// only this directory: no /usr, /bin, /etc, /proc, /dev and no network. Its environment has $PWD,
// which bubblewrap sets, and the given variables.
func (a *action) inEmptyRoot(ctx context.Context, bwrap program.Program, env []string, program string, args ...string) *exec.Cmd {
	options := []string{"--unshare-all", "--die-with-parent", "--clearenv", "--bind", a.root, "/execroot", "--chdir", "/execroot"}
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		options = append(options, "--setenv", name, value)
	}
	return bwrap.Command(ctx, append(append(options, "--", "./"+program), args...)...)
}

// put copies a program into the action's directory.
func (a *action) put(t *testing.T, from, name string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(a.root, name), content, 0o755); err != nil {
		t.Fatal(err)
	}
}

// The image action needs its declared inputs and nothing else.
func TestInAnEmptyRoot(t *testing.T) {
	bwrap := bubblewrap(t)
	a := newAction(t, runfile.Of(t, "ACTION"))
	a.needOwnLoader(t)
	a.put(t, runfile.Of(t, "MKPORTABLE"), "mkportable")
	if out, err := a.inEmptyRoot(t.Context(), bwrap, nil, "mkportable", a.flags...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	a.compare(t)
}

// needOwnLoader skips a test if mksquashfs needs the machine's libraries: the Central
// Registry's module is built with the machine's own C compiler.
func (a *action) needOwnLoader(t *testing.T) {
	t.Helper()
	if a.flag("loader") != "" {
		return
	}
	program, err := elf.Open(a.file("mksquashfs"))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	if program.Section(".interp") != nil {
		t.Skip("this toolchain's mksquashfs is linked to the machine's libc; a static or an imported one would run in an empty root")
	}
}

// The negative controls: the root is empty indeed, and what needs a shell fails there
// that works here.
func TestTheEmptyRootIsEmpty(t *testing.T) {
	bwrap := bubblewrap(t)
	a := linkAction(t, runfile.Of(t, "ACTION"))
	a.put(t, self(t), "look")
	out, err := a.inEmptyRoot(t.Context(), bwrap, []string{lookAround + "=1"}, "look").CombinedOutput()
	if want := fmt.Sprintf("[execroot] <nil> [%s=1 PWD=/execroot]\n", lookAround); err != nil || string(out) != want {
		t.Errorf("got %v: %s\nwant %s", err, out, want)
	}

	script := filepath.Join(a.root, "script")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho made > made/image.raw\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	here := exec.CommandContext(t.Context(), script)
	here.Dir = a.root
	if out, err := here.CombinedOutput(); err != nil {
		t.Fatalf("the script does not even work here: %v: %s", err, out)
	}
	if out, err := a.inEmptyRoot(t.Context(), bwrap, nil, "script").CombinedOutput(); err == nil || !bytes.Contains(out, []byte("No such file or directory")) {
		t.Errorf("a shell script in an empty root: got %v: %s", err, out)
	}
}
