package systemd

import (
	"log/slog"
	"strings"
	"testing"
)

func TestLines(t *testing.T) {
	var out strings.Builder
	log := slog.New(logHandler(&out, true)).With("unit", "x")
	log.Error("failed", "error", "two\nlines")
	log.Warn("hm")
	log.Info("started")
	log.WithGroup("g").Debug("not at this level")
	log.WithGroup("g").Info("grouped", "time", "kept")
	want := `<3>msg=failed unit=x error="two\nlines"
<4>msg=hm unit=x
<6>msg=started unit=x
<6>msg=grouped unit=x g.time=kept
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", &out, want)
	}
}

func TestPeopleGetTimeAndLevel(t *testing.T) {
	var out strings.Builder
	slog.New(logHandler(&out, false)).Warn("hm")
	if got := out.String(); !strings.HasPrefix(got, "time=") || !strings.Contains(got, "level=WARN msg=hm") {
		t.Errorf("got %q", got)
	}
}
