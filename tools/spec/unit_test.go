package spec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// systemd-portabled does not read drop-ins in an image. Appended to the unit, they have the same
// effect.
func TestDropinsAreAppended(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		source := filepath.Join(dir, name)
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return source
	}
	unit := write("foo.service", "[Service]\nExecStart=/usr/bin/foo")
	ten, twenty := write("10-a.conf", "# a\n\n[Service]\nNice=1"), write("20-b.conf", "[Unit]\nDescription=b\n")
	e := &Entry{Path: "/units/foo.service", Source: unit, Dropins: []string{ten, twenty}}
	got, err := e.UnitText()
	want := "[Service]\nExecStart=/usr/bin/foo\n\n# foo.service.d/10-a.conf\n# a\n\n[Service]\nNice=1\n\n# foo.service.d/20-b.conf\n[Unit]\nDescription=b\n"
	if err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	e.Dropins = []string{write("30-c.conf", "Nice=2\n")}
	_, err = e.UnitText()
	expect(t, err, "does not start with a section")
	e.Dropins = []string{write("40-d.conf", "["+strings.Repeat("x", maxUnit))}
	_, err = e.UnitText()
	expect(t, err, "a unit must be smaller")
}
