package unitfile

import (
	"reflect"
	"strings"
	"testing"

	"github.com/coreos/go-systemd/v22/unit"
)

// An error that points at the wrong line is worse than none.
func TestLines(t *testing.T) {
	got := Parse([]byte("\uFEFF# a comment\n[Unit]\nDescription = A name \n\n[Service]\n; another\n" +
		"ExecStart=/bin/a \\\n# in between\n  --flag \\\n\n  --other\n[Install]\nWantedBy=\n"))
	want := File{
		Sections: []Section{{"Unit", 2}, {"Service", 5}, {"Install", 12}},
		Assignments: []Assignment{
			{"Unit", "Description", "A name", 3},
			{"Service", "ExecStart", "/bin/a  --flag", 7},
			{"Install", "WantedBy", "", 13},
		},
		Problems: []Problem{{Syntax, 11, `"--other" has no "="`}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestProblems(t *testing.T) {
	for name, test := range map[string]struct {
		content string
		want    Problem
	}{
		"before any section":  {"Type=notify\n[Service]\n", Problem{Syntax, 1, `"Type=notify" stands in no section`}},
		"no equals sign":      {"[Service]\nType notify\n", Problem{Syntax, 2, `"Type notify" has no "="`}},
		"no name":             {"[Service]\n=notify\n", Problem{Syntax, 2, `"=notify" has no name before its "="`}},
		"header not closed":   {"[Service\n", Problem{Syntax, 1, `"[Service" is no section header`}},
		"text after header":   {"[Service] x\n", Problem{Syntax, 1, `"[Service] x" is no section header`}},
		"NUL byte":            {"[Service]\nType=\x00\n", Problem{Encoding, 2, "the line has a NUL byte, or is not UTF-8"}},
		"Latin-1":             {"[Unit]\nDescription=caf\xe9\n", Problem{Encoding, 2, "the line has a NUL byte, or is not UTF-8"}},
		"Windows":             {"[Unit]\r\n", Problem{CarriageReturn, 1, "the line ends with a carriage return"}},
		"continued past end":  {"[Unit]\nDescription=a \\\n", Problem{TrailingBackslash, 2, "the file ends with a continued line"}},
		"continued, no break": {"[Unit]\nDescription=a \\", Problem{TrailingBackslash, 2, "the file ends with a continued line"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Parse([]byte(test.content)).Problems; !reflect.DeepEqual(got, []Problem{test.want}) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// systemd takes lines up to 1 MiB, go-systemd up to 2 KiB.
func TestLongLine(t *testing.T) {
	long := strings.Repeat("@system-service ", 500) + "end"
	got := Parse([]byte("[Service]\nSystemCallFilter=" + long + "\nType=exec\n"))
	if len(got.Problems) > 0 || len(got.Assignments) != 2 || got.Assignments[0].Value != long {
		t.Errorf("%d assignments, problems %v", len(got.Assignments), got.Problems)
	}
}

// Whatever the content: no panic, lines inside the file and in order, and where
// nothing is wrong the same as go-systemd reads from the file itself.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "[Unit]\nA=b\n", "[A]\nb=c\\\nd\n#\n", "\r\n[x]\r\n=\r", "[a]b=\n[", "[U]\nA=\\\n\\\n", "\x00\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		got := Parse(content)
		last, lines := 0, strings.Count(string(content), "\n")+1
		for _, a := range got.Assignments {
			if a.Line <= last || a.Line > lines {
				t.Fatalf("line %d of %d comes after %d", a.Line, lines, last)
			}
			last = a.Line
			if a.Name == "" || a.Section == "" {
				t.Fatalf("%+v has no name or section", a)
			}
		}
		if len(got.Problems) > 0 || strings.ContainsAny(string(content), "\\\r\uFEFF\v\f\u0085\u00a0\u2028\u2029") {
			return
		}
		options, err := unit.DeserializeOptions(strings.NewReader(string(content)))
		if err != nil {
			return
		}
		if len(options) != len(got.Assignments) {
			t.Fatalf("go-systemd reads %d assignments, we %d", len(options), len(got.Assignments))
		}
		for i, o := range options {
			if a := got.Assignments[i]; a.Section != o.Section || a.Name != o.Name || a.Value != o.Value {
				t.Fatalf("go-systemd reads %+v, we %+v", o, a)
			}
		}
	})
}
