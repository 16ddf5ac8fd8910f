package grammar

import (
	"slices"
	"testing"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
)

// Each directive of the units that an image can have has a type, and each type a function.
func TestEachDirectiveHasAType(t *testing.T) {
	count := 0
	for _, section := range []string{"Unit", "Install", "Service", "Socket", "Timer", "Path"} {
		for _, name := range directives.Names(section) {
			if TypeOf(section, name) == "" {
				t.Errorf("[%s] %s= has no type", section, name)
			}
			count++
		}
	}
	if count < 500 {
		t.Errorf("only %d directives", count)
	}
	for name, r := range rules {
		if kinds[r.kind] == nil {
			t.Errorf("%s= has the type %q, which has no function", name, r.kind)
		}
		if asksForWords[r.kind] && r.kind != "weight" && len(known(r.set)) == 0 {
			t.Errorf("%s=: the set %s has no words", name, r.set)
		}
	}
}

// A fix suggests the word that the user probably meant, or lists all words.
func TestFixes(t *testing.T) {
	for _, test := range []struct{ section, name, value, fix string }{
		{"Service", "Restart", "on-fail", "Write one of always, no, on-abnormal, on-abort, on-failure, on-success, on-watchdog."},
		{"Service", "ProtectSystem", "strickt", "Did you mean strict?"},
		{"Service", "MemoryMax", "512MB", "Write 512M."},
		{"Service", "CPUQuota", "50", "Write 50%."},
		{"Service", "RestrictAddressFamilies", "INET", "Did you mean AF_INET?"},
		{"Service", "CapabilityBoundingSet", "NET_ADMIN", "Did you mean CAP_NET_ADMIN?"},
		{"Timer", "OnCalendar", "12:00 Europe/Berln", "Did you mean the time zone Europe/Berlin?"},
		{"Service", "StateDirectory", "/var/lib/foo", "Write foo."},
		{"Service", "User", "foo:bar", "Write foo; the group has a line of its own."},
		{"Socket", "ListenStream", ":80", "Write 80."},
	} {
		faults := Check("foo.service", test.section, test.name, test.value)
		if !slices.ContainsFunc(faults, func(f Fault) bool { return f.Fix == test.fix }) {
			t.Errorf("%s=%s: got %+v, want %q", test.name, test.value, faults, test.fix)
		}
	}
}

// systemd reads the host's time zones, so the probes for comparison with it have no valid ones.
func TestTimeZones(t *testing.T) {
	for text, good := range map[string]bool{
		"12:00 Europe/Berlin": true, "daily Asia/Tokyo": true, "Mon *-*-* 12:00 UTC": true, "12:00 US/Eastern": true,
		"12:00 Europe/Nowhere": false, "12:00 europe/berlin": false, "12:00 #": false,
	} {
		if faults := Check("foo.timer", "Timer", "OnCalendar", text); (len(faults) == 0) != good {
			t.Errorf("%s: %+v", text, faults)
		}
	}
}

func TestCommands(t *testing.T) {
	got, err := Commands(`-@/bin/a "b c" \; d ; +/bin/e 'f;' "`)
	want := []Command{{"-@", "/bin/a", []string{"b c", ";", "d"}}, {"+", "/bin/e", []string{"f;"}}}
	if err == nil || len(got) != 2 {
		t.Fatalf("got %q, %v", got, err)
	}
	for i, c := range want {
		if got[i].Prefixes != c.Prefixes || got[i].Path != c.Path || !slices.Equal(got[i].Args, c.Args) {
			t.Errorf("got %q, want %q", got[i], c)
		}
	}
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]string{
		"30": "30s", "30s": "30s", "5min": "5m0s", "1h 30min": "1h30m0s", "500ms": "500ms", "1.5s": "1.5s", "2min30s": "2m30s", "0": "0s",
		"": "", "soon": "", "-1s": "", "1 fortnight": "",
	} {
		got, ok := Span(text)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("Span(%q) = %s, %t, want %q", text, got, ok, want)
		}
	}
}
