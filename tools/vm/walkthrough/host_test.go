// Package walkthrough attaches the image to a real systemd and uses it. It is run
// inside a virtual machine, by //tools/vm:walkthrough_SUITE.
//
// Each test finds nothing attached, and leaves nothing attached; only the count goes
// on from one to the next.
package walkthrough

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

const (
	name    = "portable-walkthrough-go"
	service = name + ".service"
	socket  = name + ".socket"
	image   = guest.Files + "/" + name + ".raw"
	address = "http://localhost:8088"

	// patience limits how long anything may take. Only what never comes takes so long.
	patience = 10 * time.Minute
)

// TestMain is also the program of images: under their names it acts as they do.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "foo":
		actAsFoo()
	case name:
		fmt.Fprintln(os.Stderr, "this version does not start")
		os.Exit(1)
	case "mounts":
		if err := actAsMounts(); err != nil {
			fmt.Fprintln(os.Stderr, "mounts:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// run returns the lines that a command prints; the test ends if it fails.
func run(t *testing.T, command ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	text := strings.TrimRight(string(out), "\n")
	t.Logf("# %s\n%s", strings.Join(command, " "), text)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(command, " "), err)
	}
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// refused runs a command that must fail, and say something.
func refused(t *testing.T, want string, command ...string) {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	t.Logf("# %s\n%s", strings.Join(command, " "), out)
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("%s: %v, want a failure that says %q", strings.Join(command, " "), err, want)
	}
}

// attach attaches an image until the test ends.
func attach(t *testing.T, command ...string) {
	t.Helper()
	logged(t)
	run(t, append([]string{"portablectl", "attach"}, command...)...)
	t.Cleanup(func() {
		if _, err := os.Lstat("/etc/systemd/system.attached"); err == nil {
			stop(t)
			detach(t)
		}
		nothingLeft(t)
	})
}

func stop(t *testing.T) {
	t.Helper()
	run(t, "systemctl", "stop", service, socket)
}

func detach(t *testing.T) {
	t.Helper()
	run(t, "portablectl", "detach", name)
}

// show returns properties of a unit.
func show(t *testing.T, unit string, properties ...string) map[string]string {
	t.Helper()
	all := map[string]string{}
	out, err := exec.Command("systemctl", "show", "--property="+strings.Join(properties, ","), unit).Output()
	if err != nil {
		t.Fatalf("systemctl show %s: %v", unit, err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		key, value, _ := strings.Cut(line, "=")
		all[key] = value
	}
	return all
}

// expect verifies a unit's property.
func expect(t *testing.T, unit, property, want string) {
	t.Helper()
	if got := show(t, unit, property)[property]; got != want {
		t.Errorf("%s: %s=%s, want %s", unit, property, got, want)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

// logged returns what has come into the journal since it was called last.
func logged(t *testing.T) string {
	t.Helper()
	must(t, exec.Command("journalctl", "--sync").Run())
	out, err := exec.Command("journalctl", "--no-pager", "--output=cat", "--cursor-file=/run/vm/cursor").Output()
	must(t, err)
	return string(out)
}

// settings changes a unit as an administrator would, until the test ends.
func settings(t *testing.T, unit, text string) {
	t.Helper()
	t.Cleanup(func() { run(t, "systemctl", "daemon-reload") })
	dropIn(t, unit, text)
	run(t, "systemctl", "daemon-reload")
}

// dropIn is settings that systemd reads at its next reload.
func dropIn(t *testing.T, unit, text string) {
	t.Helper()
	directory := "/run/systemd/system/" + unit + ".d"
	must(t, os.MkdirAll(directory, 0o755))
	must(t, os.WriteFile(filepath.Join(directory, "90-test.conf"), []byte(text), 0o644))
	t.Cleanup(func() {
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
}

// systemd returns the version of PID 1.
func systemd(t *testing.T) int {
	t.Helper()
	version := regexp.MustCompile(`^systemd (\d+)`).FindStringSubmatch(run(t, "systemctl", "--version")[0])
	if version == nil {
		t.Fatal("systemctl tells no version")
	}
	n, err := strconv.Atoi(version[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// onlyByName skips a test that is no part of the walk-through, unless -test.run names
// it.
func onlyByName(t *testing.T) {
	t.Helper()
	if pattern := flag.Lookup("test.run").Value.String(); !strings.Contains(pattern, t.Name()) {
		t.Skip("not part of the walk-through")
	}
}

// everything is the systemd on which every scenario runs.
const everything = 257

// once skips a scenario on all suites but one: what it proves does not depend on systemd's
// version.
func once(t *testing.T) {
	t.Helper()
	if is := systemd(t); is != everything {
		t.Skipf("systemd %d: the same is proven on systemd %d", is, everything)
	}
}

// needs skips a test where systemd is too old.
func needs(t *testing.T, version int, why string) {
	t.Helper()
	if is := systemd(t); is < version {
		t.Skipf("systemd %d: %s", is, why)
	}
}
