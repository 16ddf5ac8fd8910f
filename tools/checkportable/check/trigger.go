package check

import (
	"slices"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
)

var triggerChecks = []Check{
	{
		ID: "timer-without-unit", Severity: Error, Host: UnitRefused,
		Finds: "a timer's unit is not in the image",
		Why:   "systemd can't start the timer, because its unit does not exist.",
		run:   withoutUnit("timer"),
	},
	{
		ID: "path-without-unit", Severity: Error, Host: UnitRefused,
		Finds: "a path unit's unit is not in the image",
		Why:   "systemd can't start the path unit, because its unit does not exist.",
		run:   withoutUnit("path"),
	},
	{
		ID: "timer-without-trigger", Severity: Error, Milder: []Severity{Warning}, Host: UnitRefused,
		Finds: "a timer never elapses",
		Why:   "systemd refuses a timer without any time.",
		Fix:   "Add OnCalendar=, or another of systemd.timer(5).",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("timer") {
				if !u.Empty && !u.triggers("Timer") && !u.isTrue("Timer", "OnClockChange") && !u.isTrue("Timer", "OnTimezoneChange") {
					r.add(u.at(), "%s has no OnCalendar= or similar directive", u.Name)
				}
				img.onlyRelative(r, u)
			}
		},
	},
	{
		ID: "path-without-trigger", Severity: Error, Host: UnitRefused,
		Finds: "a path unit watches nothing",
		Why:   "systemd refuses a path unit without any path.",
		Fix:   "Add PathExists=, or another of systemd.path(5).",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("path") {
				if !u.Empty && !u.triggers("Path") {
					r.add(u.at(), "%s has no PathExists= or similar directive", u.Name)
				}
			}
		},
	},
}

// onlyRelative reports a timer whose times all count from its unit's last start or end, if nothing else
// starts the unit: it waits for the first one forever.
func (img *Image) onlyRelative(r *reporter, u *Unit) {
	var times []Assignment
	for _, a := range u.Assignments {
		switch {
		case a.Section != "Timer" || !isTrigger["Timer"](a.Name):
		case a.Value == "":
			times = nil
		default:
			times = append(times, a)
		}
	}
	name, _ := u.activates()
	started := img.unit(name)
	absolute := func(a Assignment) bool { return a.Name != "OnUnitActiveSec" && a.Name != "OnUnitInactiveSec" }
	if len(times) == 0 || slices.ContainsFunc(times, absolute) || u.isTrue("Timer", "OnClockChange") || u.isTrue("Timer", "OnTimezoneChange") ||
		started == nil || started.hasAny("Install", "") || img.isStarted(started, u) {
		return
	}
	f := at(times[0])
	f.Severity, f.Why = Warning, "The time counts from the unit's last run. Without a first one the timer never elapses."
	f.Fix = "Add OnBootSec= or OnActiveSec= for the first run, or write OnCalendar=."
	r.add(f, "%s= counts from the last run of %s, and nothing else starts it", times[0].Name, name)
}

func withoutUnit(kind string) func(*Image, *reporter) {
	return func(img *Image, r *reporter) {
		for _, u := range img.of(kind) {
			want, f := u.activates()
			if want != "" && img.unit(want) == nil && !directives.IsUnit(want) {
				f.Fix = "Declare " + fileOf(want) + ", or name another one with Unit=."
				r.add(f, "%s starts %s, which is not in the image", u.Name, want)
			}
		}
	}
}
