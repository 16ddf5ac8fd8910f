package walkthrough

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// fixtures are //tools/checkportable's: images that are good but for one mistake.
const fixtures = guest.Files + "/fixtures/"

// What a mistake does on a host.
type consequence int

const (
	// attachFails: portablectl refuses the image.
	attachFails consequence = iota
	// leftOut: a unit that is in the image is not attached.
	leftOut
	// startFails: systemd refuses the unit, or can't start it.
	startFails
	// lineIgnored: systemd warns in its journal, and goes on without the line.
	lineIgnored
	// skipped: starting the unit succeeds, and nothing runs.
	skipped
	// reloadFails: the service starts, and stays active when it can't be reloaded.
	reloadFails
	// starts: it does no harm.
	starts
)

// refusals are the checks' counterparts in systemd: what the build refuses fails
// there, and systemd says so in these words.
var refusals = []struct {
	// fixture is IDENTIFIER.MISTAKE, as its file is called.
	fixture string
	does    consequence
	// unit is what is started, or left out; foo.service if it is empty.
	unit string
	says string
	// since is the first systemd of which this is true.
	since int
}{
	{"no-unit.other-name", attachFails, "", "Couldn't find any matching unit files", 0},
	{"os-release-missing.not-declared", attachFails, "", "os-release", 0},
	{"os-release-id.missing", attachFails, "", "ID", 251},
	{"prefixes-mismatch.renamed-image", attachFails, "", "refus", 250},
	{"unit-not-attached.no-dash", leftOut, "", "", 0},
	{"unit-empty.no-byte", leftOut, "", "", 252},
	{"drop-in-not-attached.limits-in-drop-in", leftOut, "foo.service.d/10-limits.conf", "", 0},
	{"unit-syntax.no-equals-sign", lineIgnored, "", "Missing '='", 0},
	{"unknown-section.misspelt", lineIgnored, "", "Unknown section", 0},
	{"unknown-directive.misspelt", lineIgnored, "", "Unknown key", 0},
	{"unknown-directive.wrong-section", lineIgnored, "", "Unknown key", 0},
	{"not-boolean.ture", lineIgnored, "", "Failed to parse", 0},
	{"reference-invalid.no-suffix", lineIgnored, "", "Failed to add dependency", 0},
	{"socket-without-service.nothing-to-start", startFails, "foo.socket", "not found", 0},
	{"socket-accept.yes-and-service", startFails, "foo.socket", "Refusing", 0},
	{"socket-without-listener.reset", startFails, "foo.socket", "no Listen setting", 0},
	{"timer-without-unit.nothing-to-start", startFails, "foo.timer", "not found", 0},
	{"timer-without-trigger.no-time", startFails, "foo.timer", "lacks value setting", 0},
	{"path-without-unit.unit-misspelt", startFails, "foo.path", "to trigger not loaded", 0},
	{"path-without-trigger.no-path", startFails, "foo.path", "lacks path setting", 0},
	{"exec-start-count.none", startFails, "", "no ExecStart=", 0},
	{"exec-start-count.two", startFails, "", "more than one ExecStart=", 0},
	{"dbus-without-name.no-name", startFails, "", "no D-Bus service name", 0},
	{"exec-missing.misspelt", startFails, "", "status=203/EXEC", 0},
	{"exec-missing.host-program", startFails, "", "status=203/EXEC", 0},
	{"exec-format.no-hash-bang", startFails, "", "status=203/EXEC", 0},
	{"elf-machine.arm64-in-x86-64", startFails, "", "status=203/EXEC", 0},
	{"elf-interpreter.dynamic-in-empty-image", startFails, "", "status=203/EXEC", 0},
	{"path-missing.working-directory", startFails, "", "status=200/CHDIR", 0},
	{"environment-file-on-host.must-be-there", startFails, "", "Failed to load environment files", 0},
	{"packed-for-the-host.environment", startFails, "", "Failed to load environment files", 0},
	{"packed-for-the-host.loadcred", startFails, "", "status=243/CREDENTIALS", 0},
	{"packed-for-the-host.input", startFails, "", "status=208/STDIN", 0},
	{"packed-for-the-host.assert", startFails, "", "Assertion failed", 0},
	{"packed-for-the-host.condition-host", skipped, "", "ConditionPathExists=/etc/foo/foo.conf", 0},
	{"exec-missing.condition", skipped, "", "exec-condition", 0},
	{"input-on-host.logs", startFails, "", "status=209/STDOUT", 0},
	{"user-on-host.gone", startFails, "", "status=217/USER", 0},
	{"hidden-by-mount.program", startFails, "", "status=203/EXEC", 0},
	{"exec-missing.reload-kill", reloadFails, "", "status=203/EXEC", 0},
	{"exec-missing-ignored.missing-ignored", starts, "", "", 0},
	{"notify-never-sent.plain-program", startFails, "", "timed out", 0},
}

// oldest is the first systemd on which what depends on the version is shown. Not 247: that
// attaches a unit that is empty, and can never detach it again.
const oldest = 252

// TestRefused shows that what the checks refuse really fails. The checks' own tests
// verify that they find each of these fixtures.
func TestRefused(t *testing.T) {
	if _, err := os.Stat(fixtures); err != nil {
		t.Skip("not among this test's files")
	}
	is := systemd(t)
	if is != oldest && is != 262 {
		t.Skipf("systemd %d: what the checks refuse is shown on %d and 262", is, oldest)
	}
	if len(run(t, "portablectl", "list", "--no-legend")) > 1 {
		t.Fatal("something is attached")
	}
	// The negative control: without a mistake nothing is refused.
	t.Run("base", func(t *testing.T) {
		lay(t, "base.txtar")
		if said, err := attachFoo(t); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
		if said, err := start("foo.service"); err != nil {
			t.Errorf("%v: %s\n%s", err, said, logged(t))
		}
		if said := logged(t); strings.Contains(said, "foo.service:") && strings.Contains(said, "ignoring") {
			t.Errorf("a line is ignored: %s", said)
		}
	})
	for _, r := range refusals {
		t.Run(r.fixture, func(t *testing.T) {
			if is == oldest && r.since == 0 {
				t.Skip("the same is shown on systemd 262")
			}
			lay(t, "base.txtar", r.fixture+".bad.txtar")
			said, err := attachFoo(t)
			if r.does == attachFails {
				if err == nil || !strings.Contains(said, r.says) {
					t.Errorf("attach: %v, says %q, want %q", err, said, r.says)
				}
				return
			}
			if err != nil {
				t.Fatalf("attach: %v: %s", err, said)
			}
			unit := r.unit
			if unit == "" {
				unit = "foo.service"
			}
			if r.fixture == "notify-never-sent.plain-program" {
				// Whether soon or not, what never comes is not there in time.
				settings(t, unit, "[Service]\nTimeoutStartSec=1s\n")
			}
			switch r.does {
			case leftOut:
				_, err := os.Stat("/etc/systemd/system.attached/" + unit)
				if err == nil && strings.Count(said, "Copied") >= len(units(t)) {
					t.Errorf("nothing is left out: %s", said)
				}
			case startFails:
				said, err := start(unit)
				if said += logged(t); err == nil || !strings.Contains(said, r.says) {
					t.Errorf("start %s: %v, want %q in:\n%s", unit, err, r.says, said)
				}
			case skipped:
				said, err := start(unit)
				if said += logged(t); err != nil || !strings.Contains(said, r.says) {
					t.Errorf("start %s: %v, want %q in:\n%s", unit, err, r.says, said)
				}
				expect(t, unit, "ActiveState", "inactive")
			case reloadFails, starts:
				if said, err := start(unit); err != nil {
					t.Fatalf("%v: %s\n%s", err, said, logged(t))
				}
				if r.does == reloadFails {
					refused(t, "", "systemctl", "reload", unit)
					if said := logged(t); !strings.Contains(said, r.says) {
						t.Errorf("want %q in:\n%s", r.says, said)
					}
				}
				expect(t, unit, "ActiveState", "active")
			case lineIgnored:
				// systemd reads a unit when somebody asks for it.
				show(t, unit, "LoadState")
				if said := logged(t); !strings.Contains(said, r.says) {
					t.Errorf("want %q in:\n%s", r.says, said)
				}
			}
		})
	}
}

// foo is the directory that is attached as an image.
const foo = "/var/lib/foo-image/foo"

// lay makes a directory of a fixture, which changes the ones before it.
func lay(t *testing.T, names ...string) {
	t.Helper()
	const systemUnits = "usr/lib/systemd/system/"
	if err := os.RemoveAll(foo); err != nil {
		t.Fatal(err)
	}
	for _, directory := range []string{"dev", "proc", "run", "sys", "tmp", "var/tmp", "etc", systemUnits} {
		must(t, os.MkdirAll(filepath.Join(foo, directory), 0o755))
	}
	for _, file := range []string{"etc/machine-id", "etc/resolv.conf"} {
		must(t, os.WriteFile(filepath.Join(foo, file), nil, 0o644))
	}
	for _, name := range names {
		archive, err := txtar.ParseFile(fixtures + name)
		must(t, err)
		for _, file := range archive.Files {
			path := strings.TrimPrefix(file.Name, "root/")
			if unit, ok := strings.CutPrefix(file.Name, "units/"); ok {
				path = systemUnits + unit
			} else if file.Name == "os-release" {
				path = "usr/lib/os-release"
			}
			put(t, path, file.Data, 0o644)
		}
		for line := range strings.Lines(string(archive.Comment)) {
			comment(t, strings.TrimSpace(line))
		}
	}
}

func comment(t *testing.T, line string) {
	t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "remove":
		must(t, os.Remove(filepath.Join(foo, rest)))
	case "entry":
		var e struct{ Path, Type, Mode, Target string }
		must(t, json.Unmarshal([]byte(rest), &e))
		path := filepath.Join(foo, e.Path)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		switch e.Type {
		case "symlink":
			must(t, os.Symlink(e.Target, path))
		case "directory":
			must(t, os.MkdirAll(path, 0o755))
		default:
			if e.Mode == "0755" {
				must(t, os.Chmod(path, 0o755))
			}
		}
	case "elf":
		program(t, rest)
	}
}

// program puts a program into the image: this one, which acts as foo under that name,
// or one that is changed in its header.
func program(t *testing.T, line string) {
	t.Helper()
	fields := strings.Fields(line)
	path := filepath.Join(foo, fields[0])
	self, err := os.ReadFile("/proc/self/exe")
	must(t, err)
	for _, field := range fields[1:] {
		switch key, value, _ := strings.Cut(field, "="); {
		case key == "machine" && value == "arm64":
			self[18] = 183 // e_machine, elf(5).
		case key == "interp":
			// The host's own true is dynamic.
			self, err = os.ReadFile("/usr/bin/true")
			must(t, err)
		}
	}
	if !strings.Contains(line, "NOTIFY_SOCKET") {
		put(t, strings.TrimPrefix(fields[0], "/"), self, 0o755)
		must(t, os.WriteFile(filepath.Join(foo, "etc/silent"), nil, 0o644))
		return
	}
	must(t, os.RemoveAll(path))
	put(t, strings.TrimPrefix(fields[0], "/"), self, 0o755)
}

// actAsFoo is what this program does when it is called foo.
func actAsFoo() {
	if _, err := os.Stat("/etc/silent"); err != nil {
		conn, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
		if err == nil {
			_, _ = conn.Write([]byte("READY=1"))
		}
	}
	time.Sleep(time.Hour)
}

func put(t *testing.T, path string, data []byte, mode os.FileMode) {
	t.Helper()
	path = filepath.Join(foo, path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, data, mode))
}

// units are the image's.
func units(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob(foo + "/usr/lib/systemd/system/*")
	must(t, err)
	return all
}

// attachFoo attaches the directory until the test ends.
func attachFoo(t *testing.T) (said string, err error) {
	t.Helper()
	logged(t)
	out, err := exec.Command("portablectl", "attach", "--profile=trusted", foo).CombinedOutput()
	t.Cleanup(func() {
		attached, _ := filepath.Glob("/etc/systemd/system.attached/foo*.*")
		var units []string
		for _, unit := range attached {
			if filepath.Ext(unit) != ".d" {
				units = append(units, filepath.Base(unit))
			}
		}
		_ = exec.Command("systemctl", append([]string{"kill", "--signal=KILL"}, units...)...).Run()
		_ = exec.Command("systemctl", append([]string{"stop"}, units...)...).Run()
		_ = exec.Command("portablectl", "detach", foo).Run()
		_ = exec.Command("systemctl", "reset-failed").Run()
		nothingLeft(t)
	})
	return string(out), err
}

// start starts a unit.
func start(unit string) (said string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, "systemctl", "start", unit).CombinedOutput()
	return string(out), err
}
