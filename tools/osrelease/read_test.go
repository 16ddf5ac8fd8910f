package osrelease

import (
	"os/exec"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for raw, want := range map[string]string{
		"":                   "",
		"foo":                "foo",
		"1.2~rc1":            "1.2~rc1",
		`"Foo Bar"`:          "Foo Bar",
		`'it costs $5'`:      "it costs $5",
		`"say \"hi\" \\ \$"`: `say "hi" \ $`,
		`"a\b"`:              `a\b`,
		`""`:                 "",
	} {
		f := Parse([]byte("# comment\n\nNAME=" + raw + "\n"))
		got, ok := f.Lookup("NAME")
		if !ok || got != (Assignment{"NAME", want, 3}) {
			t.Errorf("%s: got %+v, problems %v", raw, got, f.Problems)
		}
	}
}

func TestProblems(t *testing.T) {
	for line, want := range map[string]string{
		"NAME":            `has no "="`,
		"NAME =x":         "remove blanks",
		"1NAME=x":         "letters, digits",
		"export NAME=x":   "remove the word export",
		"\uFEFFNAME=x":    "byte order mark",
		"NAME=Foo Bar":    "needs quotes",
		`NAME="Foo`:       "not closed",
		`NAME='Foo`:       "not closed",
		`NAME="Foo"Bar`:   "after the closing quote",
		`NAME="costs $5"`: "expanded",
		"NAME=a`b`":       "needs quotes",
		"NAME=x\r":        "carriage return",
		"NAME=\xff":       "UTF-8",
		"NAME=\x00":       "NUL",
	} {
		f := Parse([]byte("ID=x\n" + line + "\n"))
		if len(f.Problems) != 1 || f.Problems[0].Line != 2 || !strings.Contains(f.Problems[0].Text, want) {
			t.Errorf("%q: got %+v, want %q at line 2", line, f.Problems, want)
		}
		if name := "NAME"; f.Assigns(name) != strings.Contains(line, "=") && !strings.HasPrefix(line, "1") {
			t.Errorf("%q assigns %s: %v", line, name, f.Assigns(name))
		}
	}
}

// A shell reads the same fields, if we read them without a problem.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"A=b\n", "A=\"b c\"\n", "A='$x'\n", "A=\"\\\"\\\\\"\nA=\n", "A=\"a\\b\"\n", "A=~\n", "A=b\n#A=c"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		got := Parse(content)
		for _, a := range got.Assignments {
			if a.Name == "" || strings.ContainsAny(a.Value, "\n\x00") {
				t.Fatalf("read %+v", a)
			}
		}
	})
}

// The lexer and a shell agree. Skipped where there is no shell.
func TestLikeShell(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh to compare with")
	}
	for _, content := range []string{"A=b", `A="b c"`, `A='$x "y"'`, `A="\"\\\$"`, `A="a\b"`, "A=1.2~rc1", "A=b=c", "A=100%"} {
		f := Parse([]byte(content))
		got, ok := f.Lookup("A")
		if !ok {
			t.Errorf("%s: %v", content, f.Problems)
			continue
		}
		cmd := exec.Command(shell, "-c", content+"\nprintf %s \"$A\"")
		if said, err := cmd.Output(); err != nil || string(said) != got.Value {
			t.Errorf("%s: a shell reads %q (%v), we %q", content, said, err, got.Value)
		}
	}
}
