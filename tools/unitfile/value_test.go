package unitfile

import (
	"slices"
	"testing"
)

func TestWords(t *testing.T) {
	for value, want := range map[string][]string{
		`a  b	c`:              {"a", "b", "c"},
		`"a b" 'c "d"' e\ f`:  {"a b", `c "d"`, "e f"},
		`/bin/sh -c "x; y"`:   {"/bin/sh", "-c", "x; y"},
		``:                    nil,
		`""`:                  {""},
		`@/usr/bin/foo foo-0`: {"@/usr/bin/foo", "foo-0"},
	} {
		if got := Words(value); !slices.Equal(got, want) {
			t.Errorf("Words(%s) = %q, want %q", value, got, want)
		}
	}
}

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "%p.socket": "foo-x.socket", "%j": "x", "100%%": "100%", "100%": "100%", "%S/a": "/var/lib/a",
	} {
		if got, ok := Expand("foo-x@.service", text); !ok || got != want {
			t.Errorf("Expand(%q) = %q, %t", text, got, ok)
		}
	}
	// What the host knows, and what an instance is called.
	for text, want := range map[string]string{"%H": "%H", "%i": "%i", "%n %N": "%n %N", "%p/%i%%": "foo-x/%i%"} {
		if got, ok := Expand("foo-x@.service", text); ok || got != want {
			t.Errorf("Expand(%q) = %q, %t", text, got, ok)
		}
	}
	if got, ok := Expand("foo.service", "%n %N %i%I"); !ok || got != "foo.service foo " {
		t.Errorf("got %q, %t", got, ok)
	}
}
