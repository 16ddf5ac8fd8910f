package check

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

const flush = "testdata/socket-flush-pending.yes.bad.txtar"

// run checks a fixture under other options.
func run(t *testing.T, name string, options Options) *Report {
	t.Helper()
	f := readFixture(t, name)
	f.options = options
	return Run(f.open(t))
}

func ids(r *Report, severity Severity) (ids []string) {
	for _, f := range r.Findings {
		if f.Severity == severity && f.Allowed == "" {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

func TestAllow(t *testing.T) {
	for name, test := range map[string]struct {
		allow    map[string]string
		errors   []string
		warnings []string
		says     string
	}{
		"no exception":    {nil, []string{"socket-flush-pending"}, nil, "fix: Remove the line."},
		"a reason":        {map[string]string{"socket-flush-pending": "Old news."}, nil, nil, "allowed: Old news."},
		"no reason":       {map[string]string{"socket-flush-pending": " "}, []string{"socket-flush-pending", "allow-invalid"}, nil, "without a reason"},
		"unknown":         {map[string]string{"socket-flush-pendin": "x"}, []string{"socket-flush-pending", "allow-invalid"}, nil, `Did you mean "socket-flush-pending"?`},
		"not needed":      {map[string]string{"socket-flush-pending": "x", "unit-crlf": "y"}, nil, []string{"allow-unused"}, `nothing needs the exception "unit-crlf"`},
		"of itself":       {map[string]string{"socket-flush-pending": "x", "allow-unused": "y"}, []string{"allow-invalid"}, nil, `"allow-unused" is not a check`},
		"all unnecessary": {map[string]string{"unit-crlf": "y"}, []string{"socket-flush-pending"}, []string{"allow-unused"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			report := run(t, flush, Options{Allow: test.allow})
			errors, warnings := ids(report, Error), ids(report, Warning)
			slices.Sort(errors)
			slices.Sort(test.errors)
			if !slices.Equal(errors, test.errors) || !slices.Equal(warnings, test.warnings) {
				t.Errorf("errors %q, warnings %q", errors, warnings)
			}
			if report.Failed() != (len(test.errors) > 0) {
				t.Errorf("Failed() is %t", report.Failed())
			}
			var text bytes.Buffer
			if err := report.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(text.String(), test.says) {
				t.Errorf("%q is not in:\n%s", test.says, &text)
			}
		})
	}
}

// A program of the host is none that the image lacks.
func TestCommandsOnHost(t *testing.T) {
	if errors := ids(run(t, "testdata/exec-on-host.start-only.bad.txtar", Options{}), Error); len(errors) > 0 {
		t.Errorf("errors %q", errors)
	}
}

// Warnings are a line each, and do not fail a build.
func TestWarningsArePrinted(t *testing.T) {
	readFixture(t, "testdata/working-directory-read-only.empty.bad.txtar").open(t)
	write(t, "options.json", []byte(`{"minimum_systemd":0}`))
	if err := Files("spec.jsonl", "options.json", "text", "json"); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	if err := Verdict("json", "verdict", &said); err != nil {
		t.Error(err)
	}
	want := `units/foo.service:7: warning: WorkingDirectory=/var/lib/foo is empty and read-only [working-directory-read-only]
//:image: 1 warning; reasons and fixes: bazel build //:image --output_groups=+checks
`
	if said.String() != want {
		t.Errorf("got\n%swant\n%s", &said, want)
	}
}

// The text that a user reads when the build fails.
func TestReport(t *testing.T) {
	report := run(t, flush, Options{})
	var text bytes.Buffer
	if err := report.WriteErrors(&text); err != nil {
		t.Fatal(err)
	}
	want := `units/foo.socket:3: error: FlushPending=yes drops connections that wait for the service's next start [socket-flush-pending]
  Clients that connect while the service stops or exits on idle get no answer and cause no new start.
  fix: Remove the line.
`
	if text.String() != want {
		t.Errorf("got\n%swant\n%s", &text, want)
	}
}

// The report is written whatever is found; only the verdict fails.
func TestFiles(t *testing.T) {
	for name, fails := range map[string]bool{flush: true, "testdata/socket-flush-pending.yes.good.txtar": false} {
		t.Run(name, func(t *testing.T) {
			readFixture(t, name).open(t)
			write(t, "options.json", []byte(`{"allow":{},"minimum_systemd":0}`))
			if err := Files("spec.jsonl", "options.json", "text", "json"); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile("text")
			if err != nil || !strings.HasPrefix(string(text), "//:image: ") {
				t.Errorf("%v: %s", err, text)
			}
			content, err := os.ReadFile("json")
			if err != nil {
				t.Fatal(err)
			}
			var report Report
			if err := json.Unmarshal(content, &report); err != nil || report.Failed() != fails {
				t.Errorf("%v: %s", err, content)
			}
			var said bytes.Buffer
			err = Verdict("json", "verdict", &said)
			_, missing := os.Stat("verdict")
			if (err != nil) != fails || (missing != nil) != fails || strings.Contains(said.String(), flush[9:29]) != fails {
				t.Errorf("verdict %v, output %v, said %q", err, missing, &said)
			}
		})
	}
}

func TestBadFiles(t *testing.T) {
	readFixture(t, flush).open(t)
	write(t, "options.json", []byte(`{"alow":{}}`))
	write(t, "empty", nil)
	for name, err := range map[string]error{
		"unknown option": Files("spec.jsonl", "options.json", "text", "json"),
		"no options":     Files("spec.jsonl", "missing", "text", "json"),
		"empty options":  Files("spec.jsonl", "empty", "text", "json"),
		"no report":      Verdict("missing", "verdict", &bytes.Buffer{}),
		"empty report":   Verdict("empty", "verdict", &bytes.Buffer{}),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	write(t, "options.json", []byte(`{}`))
	if err := Files("missing", "options.json", "text", "json"); err == nil {
		t.Error("no spec: no error")
	}
	if _, err := os.Stat("verdict"); err == nil {
		t.Error("a verdict without a report")
	}
}
