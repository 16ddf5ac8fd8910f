package check

import (
	"path"
	"slices"
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

// set reports whether a directive of the unit's own section has one of the values; without
// any, whether it has one at all.
func set(name string, values ...string) func(*Unit) bool {
	return func(u *Unit) bool {
		a, ok := u.last(u.section(), name)
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

// dynamicUser reports whether a unit runs as a dynamic user, also by its profile, which only services
// have.
func dynamicUser(u *Unit) bool {
	return u.Type() == "service" && u.has(u.image, "DynamicUser") || set("DynamicUser", "yes")(u)
}

// refusedAnywhere make systemd refuse a service, and a socket too.
var refusedAnywhere = []conflict{
	{"KillMode", both(set("PAMName"), set("KillMode", "process", "none")), "PAMName= needs KillMode=control-group or mixed", "Write KillMode=mixed."},
	{"WorkingDirectory", both(dynamicUser, set("WorkingDirectory", "~")), "a dynamic user has no home directory to work in", "Write a path, as in WorkingDirectory=%S/NAME with StateDirectory=NAME."},
}

// refusedSockets make systemd refuse a socket.
var refusedSockets = []conflict{
	{"PrivatePIDs", set("PrivatePIDs", "yes"), "PrivatePIDs= is for services only", "Remove the line, or move it to the service."},
	{"MaxConnections", set("MaxConnections", "0"), "MaxConnections=0 would accept nobody", "Write a number above 0, or remove the line."},
	{"DeferTrigger", both(set("Accept", "yes"), not(set("DeferTrigger", "no"))), "Accept=yes starts an instance at once, and DeferTrigger= would wait", "Remove one of the lines."},
}

// refusedSettings make systemd refuse a service.
var refusedSettings = []conflict{
	{"Restart", both(oneshot, set("Restart", "always", "on-success")), "Type=oneshot can't be restarted when it succeeds", "Write Restart=on-failure, or another Type=."},
	{"ExitType", both(oneshot, set("ExitType", "cgroup")), "Type=oneshot can't have ExitType=cgroup", "Remove the line, or set another Type=."},
	{"PrivatePIDs", both(set("Type", "forking"), set("PrivatePIDs", "yes")), "Type=forking can't have PrivatePIDs=yes", "Set another Type=."},
	{"PrivatePIDs", both(set("PAMName"), set("PrivatePIDs", "yes")), "PAMName= can't have PrivatePIDs=yes", "Remove one of the lines."},
}

// idleSettings have no effect.
var idleSettings = []conflict{
	{"RuntimeMaxSec", both(oneshot, counts("RuntimeMaxSec")), "RuntimeMaxSec= has no effect on Type=oneshot", "Write TimeoutStartSec=."},
	{"RuntimeRandomizedExtraSec", both(set("RuntimeRandomizedExtraSec"), not(counts("RuntimeMaxSec"))), "RuntimeRandomizedExtraSec= has no effect without RuntimeMaxSec=", "Add RuntimeMaxSec=, or remove the line."},
	{"RestartSteps", both(counts("RestartSteps"), not(counts("RestartMaxDelaySec"))), "RestartSteps= has no effect without RestartMaxDelaySec=", "Add RestartMaxDelaySec=, or remove the line."},
	{"RestartMaxDelaySec", both(counts("RestartMaxDelaySec"), not(counts("RestartSteps"))), "RestartMaxDelaySec= has no effect without RestartSteps=", "Add RestartSteps=, or remove the line."},
	{"RestartMaxDelaySec", both(set("RestartSteps"), shorterThanRestart), "RestartMaxDelaySec= is shorter than RestartSec=, and takes its place", "Write a longer time."},
	{"RefreshOnReload", both(refreshes("credentials", "extensions"), not(anyOf("SetCredential", "SetCredentialEncrypted", "LoadCredential", "LoadCredentialEncrypted", "ImportCredential"))), "RefreshOnReload=credentials has no effect without credentials", "Add LoadCredential=, or remove the word."},
	{"RefreshOnReload", both(refreshes("extensions", "credentials"), not(versionedExtensions)), "RefreshOnReload=extensions has no effect without an extension from a directory NAME.v", "Name one in ExtensionImages= or ExtensionDirectories=, or remove the word."},
	{"USBFunctionDescriptors", both(set("USBFunctionDescriptors"), not(set("USBFunctionStrings"))), "USBFunctionDescriptors= has no effect without USBFunctionStrings=", "Add USBFunctionStrings=, or remove the line."},
	{"USBFunctionStrings", both(set("USBFunctionStrings"), not(set("USBFunctionDescriptors"))), "USBFunctionStrings= has no effect without USBFunctionDescriptors=", "Add USBFunctionDescriptors=, or remove the line."},
}

// counts reports whether a directive is set to something other than what stands for none.
func counts(name string) func(*Unit) bool { return both(set(name), not(set(name, "0", "infinity"))) }

// refreshes reports whether a reload refreshes credentials or extensions.
func refreshes(what, other string) func(*Unit) bool {
	return func(u *Unit) bool {
		return slices.ContainsFunc(u.all("Service", "RefreshOnReload"), func(a Assignment) bool {
			list, others := strings.CutPrefix(a.Value, "~")
			if others {
				return slices.Contains(strings.Fields(list), other)
			}
			return slices.Contains(strings.Fields(list), what)
		})
	}
}

// anyOf reports whether a service has one of the directives.
func anyOf(names ...string) func(*Unit) bool {
	return func(u *Unit) bool {
		return slices.ContainsFunc(names, func(name string) bool { return len(u.all("Service", name)) > 0 })
	}
}

// versionedExtensions reports whether an extension can be replaced by a newer one
// (systemd.v(7)).
func versionedExtensions(u *Unit) bool {
	return slices.ContainsFunc(append(u.all("Service", "ExtensionImages"), u.all("Service", "ExtensionDirectories")...), func(a Assignment) bool {
		return strings.Contains(a.Value, ".v")
	})
}

// shorterThanRestart reports whether the longest delay is shorter than the first.
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
			conflicts(img.of("service"), r, refusedAnywhere, refusedSettings)
			conflicts(img.of("socket"), r, refusedAnywhere, refusedSockets)
			for _, u := range img.of("socket") {
				u.exclusive(r)
			}
			for _, u := range img.Units {
				u.isolating(r)
			}
		},
	},
	{
		ID: "setting-without-effect", Severity: Warning,
		Finds: "a setting has no effect without another, or beside another",
		Why:   "systemd logs a warning, and goes on without it.",
		run: func(img *Image, r *reporter) {
			conflicts(img.of("service"), r, idleSettings)
			for _, u := range img.Units {
				u.withoutEffect(r)
			}
		},
	},
}

func conflicts(units []*Unit, r *reporter, lists ...[]conflict) {
	for _, u := range units {
		for _, c := range slices.Concat(lists...) {
			if a, ok := u.last(u.section(), c.setting); ok && c.with(u) {
				f := at(a)
				f.Fix = c.fix
				r.add(f, "%s", c.text)
			}
		}
	}
}

// isolating is a job mode of one unit that is to be started, with several of them
// (systemd.unit(5), OnFailureJobMode=).
func (u *Unit) isolating(r *reporter) {
	for _, name := range []string{"OnFailure", "OnSuccess"} {
		mode, ok := u.last("Unit", name+"JobMode")
		var started []string
		for _, a := range u.all("Unit", name) {
			started = append(started, strings.Fields(a.Value)...)
		}
		if ok && mode.Value == "isolate" && len(started) > 1 {
			f := at(mode)
			f.Fix = "Name one unit, or write another mode."
			r.add(f, "%sJobMode=isolate stops all but one unit, and %s= names %d", name, name, len(started))
		}
	}
}

// withNodes are the directives that make a node in the file system.
var withNodes = []string{"ListenStream", "ListenDatagram", "ListenSequentialPacket", "ListenFIFO"}

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
	}
	if a, ok := u.last("Socket", "Symlinks"); ok {
		paths := 0
		for _, listen := range u.Assignments {
			if slices.Contains(withNodes, listen.Name) && (strings.HasPrefix(listen.Value, "/") || strings.HasPrefix(listen.Value, "%")) {
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

// ofServices are directives that systemd accepts in [Socket] too, but ignores there.
var ofServices = []string{
	"Delegate", "DelegateSubgroup", "ManagedOOMMemoryPressure", "ManagedOOMMemoryPressureDurationSec", "ManagedOOMMemoryPressureLimit",
	"ManagedOOMSwap", "OOMRules",
}

// selfDropped are the dependencies that a unit can't have on itself.
var selfDropped = []string{"After", "Before", "Conflicts", "OnFailure", "OnSuccess"}

// withoutEffect is what systemd drops of any unit.
func (u *Unit) withoutEffect(r *reporter) {
	for _, a := range u.Assignments {
		if a.Section == "Socket" && slices.Contains(ofServices, a.Name) {
			f := at(a)
			f.Fix = "Remove the line, or move it to the service."
			r.add(f, "%s= is for services only", a.Name)
		}
	}
	if a, ok := u.last("Install", "DefaultInstance"); ok && !isTemplate(u.Name) {
		f := at(a)
		f.Fix = "Remove the line, or call the unit " + u.prefix() + "@." + u.Type() + "."
		r.add(f, "DefaultInstance=%s is for templates only", a.Value)
	}
	if a, ok := u.last("Unit", "JobRunningTimeoutSec"); ok {
		running, isSpan := grammar.Span(a.Value)
		whole, valid := grammar.Span(u.value("Unit", "JobTimeoutSec", ""))
		if isSpan && valid && running > whole {
			f := at(a)
			f.Fix = "Write a shorter time, or remove the line."
			r.add(f, "JobRunningTimeoutSec=%s is longer than JobTimeoutSec=", a.Value)
		}
	}
	if u.Type() == "timer" || u.Type() == "path" {
		if all := u.all(u.section(), "Unit"); len(all) > 1 {
			f := at(all[1])
			f.Fix = "Remove one of the lines, or write another unit."
			r.add(f, "Unit=%s comes after Unit=%s, and only the first counts", all[1].Value, all[0].Value)
		}
	}
	for _, a := range u.Assignments {
		if a.Section != "Unit" || !slices.Contains(selfDropped, a.Name) {
			continue
		}
		for _, word := range strings.Fields(a.Value) {
			f := at(a)
			f.Fix = "Remove the name."
			name, ok := u.expand(word)
			switch {
			case ok && name == u.Name:
				r.add(f, "%s=%s is the unit itself", a.Name, word)
			case ok && a.Name == "Before" && path.Ext(name) == ".device":
				r.add(f, "%s=%s is a device, which waits for nothing", a.Name, word)
			}
		}
	}
}
