package check

import (
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
)

// A conflict is what settings of a service exclude or need, and where that shows
// (systemd.service(5)).
type conflict struct {
	setting string // the line to blame
	with    func(*Unit) bool
	text    string
	fix     string
}

// set tells whether a directive of a service has one of the values; without any,
// whether it has one at all.
func set(name string, values ...string) func(*Unit) bool {
	return func(u *Unit) bool {
		a, ok := u.last("Service", name)
		if !ok || len(values) == 0 {
			return ok
		}
		for _, value := range values {
			if a.Value == value {
				return true
			}
			want, isBool := grammar.Bool(value)
			if is, ok := grammar.Bool(a.Value); ok && isBool && is == want {
				return true
			}
		}
		return false
	}
}

func not(f func(*Unit) bool) func(*Unit) bool { return func(u *Unit) bool { return !f(u) } }

func both(f, g func(*Unit) bool) func(*Unit) bool { return func(u *Unit) bool { return f(u) && g(u) } }

var oneshot = set("Type", "oneshot")

// refusedSettings make systemd refuse the unit.
var refusedSettings = []conflict{
	{"Restart", both(oneshot, set("Restart", "always", "on-success")), "Type=oneshot can't be restarted when it succeeds", "Write Restart=on-failure, or another Type=."},
	{"ExitType", both(oneshot, set("ExitType", "cgroup")), "Type=oneshot can't have ExitType=cgroup", "Remove the line, or set another Type=."},
	{"KillMode", both(set("PAMName"), set("KillMode", "process", "none")), "PAMName= needs KillMode=control-group or mixed", "Write KillMode=mixed."},
	{"WorkingDirectory", both(set("DynamicUser", "yes"), set("WorkingDirectory", "~")), "a dynamic user has no home directory to work in", "Write a path, as in WorkingDirectory=%S/NAME with StateDirectory=NAME."},
	{"PrivatePIDs", both(set("Type", "forking"), set("PrivatePIDs", "yes")), "Type=forking can't have PrivatePIDs=yes", "Set another Type=."},
	{"PrivatePIDs", both(set("PAMName"), set("PrivatePIDs", "yes")), "PAMName= can't have PrivatePIDs=yes", "Remove one of the lines."},
}

// idleSettings have no effect.
var idleSettings = []conflict{
	{"RuntimeMaxSec", both(oneshot, set("RuntimeMaxSec")), "RuntimeMaxSec= has no effect on Type=oneshot", "Write TimeoutStartSec=."},
	{"RuntimeRandomizedExtraSec", both(set("RuntimeRandomizedExtraSec"), not(set("RuntimeMaxSec"))), "RuntimeRandomizedExtraSec= has no effect without RuntimeMaxSec=", "Add RuntimeMaxSec=, or remove the line."},
	{"RestartSteps", both(set("RestartSteps"), not(set("RestartMaxDelaySec"))), "RestartSteps= has no effect without RestartMaxDelaySec=", "Add RestartMaxDelaySec=, or remove the line."},
	{"RestartMaxDelaySec", both(set("RestartMaxDelaySec"), not(set("RestartSteps"))), "RestartMaxDelaySec= has no effect without RestartSteps=", "Add RestartSteps=, or remove the line."},
	{"RestartMaxDelaySec", both(set("RestartSteps"), shorterThanRestart), "RestartMaxDelaySec= is shorter than RestartSec=, and takes its place", "Write a longer time."},
	{"USBFunctionDescriptors", both(set("USBFunctionDescriptors"), not(set("USBFunctionStrings"))), "USBFunctionDescriptors= has no effect without USBFunctionStrings=", "Add USBFunctionStrings=, or remove the line."},
	{"USBFunctionStrings", both(set("USBFunctionStrings"), not(set("USBFunctionDescriptors"))), "USBFunctionStrings= has no effect without USBFunctionDescriptors=", "Add USBFunctionDescriptors=, or remove the line."},
}

// shorterThanRestart tells whether the longest delay is shorter than the first.
func shorterThanRestart(u *Unit) bool {
	first, ok := grammar.Span(u.value("Service", "RestartSec", "100ms"))
	longest, ok2 := grammar.Span(u.value("Service", "RestartMaxDelaySec", "infinity"))
	return ok && ok2 && longest < first
}

var serviceChecks = []Check{
	{
		ID: "settings-exclusive", Severity: Error, Host: UnitRefused,
		Finds: "settings of a service or socket exclude each other",
		Why:   "systemd refuses to load the unit.",
		run: func(img *Image, r *reporter) {
			conflicts(img, r, refusedSettings)
			for _, u := range img.of("socket") {
				u.exclusive(r)
			}
		},
	},
	{
		ID: "setting-without-effect", Severity: Warning,
		Finds: "a setting has no effect without another, or beside another",
		Why:   "systemd logs a warning, and goes on without it.",
		run: func(img *Image, r *reporter) {
			conflicts(img, r, idleSettings)
			for _, u := range img.Units {
				u.withoutEffect(r)
			}
		},
	},
}

func conflicts(img *Image, r *reporter, all []conflict) {
	for _, u := range img.of("service") {
		for _, c := range all {
			if a, ok := u.last("Service", c.setting); ok && c.with(u) {
				f := at(a)
				f.Fix = c.fix
				r.add(f, "%s", c.text)
			}
		}
	}
}

// exclusive is what a socket unit can't be (systemd.socket(5)).
func (u *Unit) exclusive(r *reporter) {
	if a, ok := u.last("Socket", "Accept"); ok && u.isTrue("Socket", "Accept") {
		for _, other := range u.Assignments {
			if name, listens := strings.CutPrefix(other.Name, "Listen"); listens && name != "Stream" && name != "SequentialPacket" && other.Value != "" {
				f := at(other)
				f.Fix = "Write ListenStream=, or remove Accept=yes."
				r.add(f, "%s= has no connections that %s=%s could accept", other.Name, a.Name, a.Value)
			}
		}
		if most, ok := u.last("Socket", "MaxConnections"); ok && strings.Trim(most.Value, "0") == "" {
			f := at(most)
			f.Fix = "Write a number above 0, or remove the line."
			r.add(f, "MaxConnections=%s would accept nobody", most.Value)
		}
	}
	if a, ok := u.last("Socket", "Symlinks"); ok {
		paths := 0
		for _, listen := range u.Assignments {
			if strings.HasPrefix(listen.Name, "Listen") && (strings.HasPrefix(listen.Value, "/") || strings.HasPrefix(listen.Value, "%")) {
				paths++
			}
		}
		if paths != 1 {
			f := at(a)
			f.Fix = "Listen at one path, or remove the line."
			r.add(f, "Symlinks= needs one path that the socket listens at, and there are %d", paths)
		}
	}
}

// withoutEffect is what systemd drops of any unit.
func (u *Unit) withoutEffect(r *reporter) {
	if u.Type() == "timer" || u.Type() == "path" {
		if all := u.all(u.section(), "Unit"); len(all) > 1 {
			f := at(all[1])
			f.Fix = "Remove one of the lines, or write another unit."
			r.add(f, "Unit=%s comes after Unit=%s, and only the first counts", all[1].Value, all[0].Value)
		}
	}
	for _, a := range u.Assignments {
		if a.Section != "Unit" || (a.Name != "After" && a.Name != "Before") {
			continue
		}
		for _, word := range strings.Fields(a.Value) {
			if name, ok := u.expand(word); ok && name == u.Name {
				f := at(a)
				f.Fix = "Remove the name."
				r.add(f, "%s=%s is the unit itself", a.Name, word)
			}
		}
	}
}
