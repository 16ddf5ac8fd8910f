package directives

import "testing"

// The tables come from systemd; these are facts of its manuals.
func TestTables(t *testing.T) {
	if Newest < 262 {
		t.Errorf("newest systemd is %d", Newest)
	}
	for _, want := range []Directive{
		{"Service", "PrivateIPC", "BOOLEAN", 248, 0, true},
		{"Service", "ExecStart", "PATH [ARGUMENT [...]]", 0, 0, true},
		{"Service", "BlockIOWeight", "WEIGHT", 0, 257, false},
		{"Socket", "PollLimitBurst", "UNSIGNED", 255, 0, true},
		{"Unit", "StartLimitBurst", "UNSIGNED", 0, 0, true},
		{"Install", "WantedBy", "OTHER", 0, 0, true},
	} {
		if got, ok := Lookup(want.Section, want.Name); !ok || got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if _, ok := Lookup("Unit", "ExecStart"); ok {
		t.Error("ExecStart= is taken for a directive of [Unit]")
	}
	for name, want := range map[string]bool{"sockets.target": true, "getty@tty1.service": true, "dbus.socket": true, "nonsense.target": false, "no@suffix": false, "no.@suffix": false} {
		if IsUnit(name) != want {
			t.Errorf("IsUnit(%q) is not %t", name, want)
		}
	}
	if got := Profiles(); len(got) != 4 || len(Profile("strict")) < 20 {
		t.Errorf("profiles %v, strict sets %d", got, len(Profile("strict")))
	}
}

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"ExecSart":      "ExecStart",
		"execstart":     "ExecStart",
		"ExceStart":     "ExecStart",
		"StateDirectry": "StateDirectory",
		"Restrat":       "Restart",
		"Typ":           "Type",
		"Frobnicate":    "",
		"X":             "",
	} {
		if got := Nearest(name, Names("Service")); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}
