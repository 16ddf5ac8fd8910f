package unitfile

import "testing"

func TestExpand(t *testing.T) {
	for text, want := range map[string]string{
		"a": "a", "%p.socket": "foo-x.socket", "%j": "x", "%P": "foo/x", "%J": "x", "% %-": "% %-", "100%%": "100%", "100%": "100%", "%S/a": "/var/lib/a",
		"%h/a": "/root/a", "%u:%g:%U:%G": "root:root:0:0",
	} {
		if got, ok := Expand("foo-x@.service", text); !ok || got != want {
			t.Errorf("Expand(%q) = %q, %t", text, got, ok)
		}
	}
	// Values that only the host knows, and an instance's name.
	for text, want := range map[string]string{"%H": "%H", "%3A": "%3A", "%i": "%i", "%n %N": "%n %N", "%p/%i%%": "foo-x/%i%"} {
		if got, ok := Expand("foo-x@.service", text); ok || got != want {
			t.Errorf("Expand(%q) = %q, %t", text, got, ok)
		}
	}
	if got, ok := Expand("foo.service", "%n %N %i%I"); !ok || got != "foo.service foo " {
		t.Errorf("got %q, %t", got, ok)
	}
}
