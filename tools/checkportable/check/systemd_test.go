package check

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/spec"
	"example.org/portable-walkthrough-go/tools/suite"
)

// systemdSays has the messages of systemd-analyze verify for mistakes that it finds too.
// To find more it would need a whole tree of units, and it does not examine programs.
var systemdSays = map[string]string{
	"dbus-without-name":       `is of type D-Bus but no D-Bus service name`,
	"directive-removed":       `has been removed`,
	"exec-missing":            `is not executable: No such file or directory`,
	"exec-not-executable":     `is not executable: `,
	"exec-start-count":        `has more than one ExecStart= setting|has no ExecStart=`,
	"foreign-section":         `Unknown section`,
	"not-boolean":             `Failed to parse`,
	"reference-invalid":       `Failed to add dependency`,
	"socket-without-listener": `has no Listen setting`,
	"timer-without-trigger":   `lacks value setting|has no value setting`,
	"path-without-trigger":    `lacks path setting|has no path setting`,
	"unit-encoding":           `not UTF-8 clean|Missing '='`, // a NUL byte ends the line
	"unit-syntax":             `Missing '='|Assignment outside of section|Invalid section header`,
	"unknown-directive":       `Unknown key`,
	"unknown-section":         `Unknown section`,
}

// beyond are fixtures of which systemd-analyze verify knows less than a host, and why.
var beyond = map[string]string{
	"exec-missing.env.bad":                  "it does not look at the arguments of env",
	"exec-missing.search-path.bad":          "it does not look in ExecSearchPath=",
	"exec-missing.search-path.good":         "it does not look in ExecSearchPath=",
	"exec-not-executable.bound.good":        "it does not mount what BindPaths= names",
	"exec-not-executable.no-exec-paths.bad": "it does not mount what NoExecPaths= names",
	"reference-invalid.alias.bad":           "it does not enable units",
	"timer-without-trigger.relative.bad":    "it does not start timers",
}

// defaultInstance finds a template's DefaultInstance=.
var defaultInstance = regexp.MustCompile(`(?m)^DefaultInstance=(.*)$`)

// systemd itself finds the mistakes that it can find in the bad images, in the same
// lines, and none in the good ones: our checks refuse nothing that it takes.
func TestSystemdAgrees(t *testing.T) {
	analyze := suite.Analyze(t)
	names, err := filepath.Glob("testdata/*.*.*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		id, _, _ := strings.Cut(filepath.Base(name), ".")
		good := strings.HasSuffix(name, ".good.txtar")
		want, known := systemdSays[id]
		if _, ok := beyond[strings.TrimSuffix(filepath.Base(name), ".txtar")]; ok || !good && !known {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			f := readFixture(t, name)
			args := []string{"verify", "--man=no", "--root=" + f.unpack(t)}
			for at, e := range f.entries {
				if filepath.Dir(at) == unitDir && e.Type == spec.File {
					instance := "instance"
					if text, err := content(&e); err == nil && defaultInstance.Match(text) {
						instance = string(defaultInstance.FindSubmatch(text)[1])
					}
					args = append(args, strings.Replace(filepath.Base(at), "@.", "@"+instance+".", 1))
				}
			}
			said, _ := exec.CommandContext(t.Context(), analyze, args...).CombinedOutput()
			if good {
				for line := range strings.Lines(string(said)) {
					// The images have none of systemd's own units.
					if missing := notFound.FindStringSubmatch(line); missing == nil || !directives.IsUnit(missing[1]) {
						t.Errorf("systemd finds fault with a good image: %s", line)
					}
				}
				return
			}
			if !regexp.MustCompile(want).Match(said) {
				t.Errorf("%q is not in what systemd says: %s", want, said)
			}
			// For a NUL byte it reports the next line.
			for _, place := range systemdLine.FindAllStringSubmatch(string(said), -1) {
				if id != "unit-encoding" && !slices.Contains(f.places(), "units/"+place[1]) {
					t.Errorf("systemd finds it in %s, we in %q: %s", place[1], f.places(), said)
				}
			}
		})
	}
}

var notFound = regexp.MustCompile(`: Unit (\S+) not found\.`)

// systemdLine is where systemd names a line.
var systemdLine = regexp.MustCompile(`/(foo[^/]*:[0-9]+): `)

// unpack makes the image as a directory.
func (f *fixture) unpack(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("unpacked")
	if err != nil {
		t.Fatal(err)
	}
	for at, e := range f.entries {
		to := filepath.Join(root, at)
		err := os.MkdirAll(filepath.Dir(to), 0o755)
		switch {
		case err != nil:
		case e.Type == spec.Directory:
			err = os.MkdirAll(to, 0o755)
		case e.Type == spec.Symlink:
			err = os.Symlink(e.Target, to)
		default:
			var text []byte
			if text, err = content(&e); err == nil {
				err = os.WriteFile(to, text, 0o644)
			}
			if err == nil && isExecutable(&e) {
				err = os.Chmod(to, 0o755)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}
