package unitfile

import (
	"reflect"
	"strings"
	"testing"
)

// An error that points at the wrong line is worse than none.
func TestLines(t *testing.T) {
	got := Parse([]byte("\uFEFF# a comment\n[Unit]\nDescription = A name \n\n[Service]\n; another\n" +
		"ExecStart=/bin/a \\\n# in between\n  --flag \\\n\n  --other\n[Install]\nWantedBy=\n"))
	want := File{
		Sections: []Section{{"Unit", 2}, {"Service", 5}, {"Install", 12}},
		Assignments: []Assignment{
			{"Unit", "Description", "A name", 3},
			{"Service", "ExecStart", "/bin/a    --flag", 7},
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
		"before any section":    {"Type=notify\n[Service]\n", Problem{Syntax, 1, `"Type=notify" is outside of every section`}},
		"no equals sign":        {"[Service]\nType notify\n", Problem{Syntax, 2, `"Type notify" has no "="`}},
		"no name":               {"[Service]\n=notify\n", Problem{Syntax, 2, `"=notify" has no name before its "="`}},
		"header not closed":     {"[Service\n", Problem{Syntax, 1, `"[Service" is not a section header`}},
		"text after header":     {"[Service] x\n", Problem{Syntax, 1, `"[Service] x" is not a section header`}},
		"blank after backslash": {"[Service]\nType=a \\ \n", Problem{BlankAfterBackslash, 2, "a blank follows the backslash, so the next line does not continue this one"}},
		"NUL byte":              {"[Service]\nType=\x00\n", Problem{Encoding, 2, "the line has a NUL byte, or is not UTF-8"}},
		"Latin-1":               {"[Unit]\nDescription=caf\xe9\n", Problem{Encoding, 2, "the line has a NUL byte, or is not UTF-8"}},
		"Windows":               {"[Unit]\r\n", Problem{CarriageReturn, 1, "the line ends with a carriage return"}},
		"continued past end":    {"[Unit]\nDescription=a \\\n", Problem{TrailingBackslash, 2, "the file ends with a continued line"}},
		"continued, no break":   {"[Unit]\nDescription=a \\", Problem{TrailingBackslash, 2, "the file ends with a continued line"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Parse([]byte(test.content)).Problems; !reflect.DeepEqual(got, []Problem{test.want}) {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

// systemd takes lines up to 1 MiB.
func TestLongLine(t *testing.T) {
	long := strings.Repeat("@system-service ", 500) + "end"
	got := Parse([]byte("[Service]\nSystemCallFilter=" + long + "\nType=exec\n"))
	if len(got.Problems) > 0 || len(got.Assignments) != 2 || got.Assignments[0].Value != long {
		t.Errorf("%d assignments, problems %v", len(got.Assignments), got.Problems)
	}
}

// An odd number of backslashes continues a line, an even one and one with a blank behind
// it do not, and what follows keeps its indentation.
func TestBackslashes(t *testing.T) {
	for content, want := range map[string][]Assignment{
		"[A]\na=C:\\\\\nb=1\n":        {{"A", "a", `C:\\`, 2}, {"A", "b", "1", 3}},
		"[A]\na=x\\\n  y\nb=1\n":      {{"A", "a", "x   y", 2}, {"A", "b", "1", 4}},
		"[A]\na=x\\\\\\\n  y\n":       {{"A", "a", `x\\   y`, 2}},
		"[A]\na=x\\ \nb=1\n":          {{"A", "a", `x\`, 2}, {"A", "b", "1", 3}},
		"[A]\na=x\\\n\nb=1\n":         {{"A", "a", "x", 2}, {"A", "b", "1", 4}},
		"[A]\na=x\\\n# c\n; d\ny=2\n": {{"A", "a", "x y=2", 2}},
		"[A]\ra=1\r\nb=2\n\rc=3":      {{"A", "a", "1", 2}, {"A", "b", "2", 3}, {"A", "c", "3", 4}},
	} {
		if got := Parse([]byte(content)).Assignments; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: got %+v, want %+v", content, got, want)
		}
	}
}

// Whatever the content: no panic, and lines inside the file and in order.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "[Unit]\nA=b\n", "[A]\nb=c\\\nd\n#\n", "\r\n[x]\r\n=\r", "[a]b=\n[", "[U]\nA=\\\n\\\n", "\x00\xff"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		got := Parse(content)
		last, lines := 0, strings.Count(string(content), "\n")+strings.Count(string(content), "\r")+1
		for _, a := range got.Assignments {
			if a.Line <= last || a.Line > lines {
				t.Fatalf("line %d of %d comes after %d", a.Line, lines, last)
			}
			last = a.Line
			if a.Name == "" || a.Section == "" {
				t.Fatalf("%+v has no name or section", a)
			}
		}
	})
}
