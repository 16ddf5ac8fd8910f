package check

import (
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
		ID: "timer-without-trigger", Severity: Error, Host: UnitRefused,
		Finds: "a timer never elapses",
		Why:   "systemd refuses a timer without any time.",
		Fix:   "Add OnCalendar=, or another of systemd.timer(5).",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("timer") {
				if !u.Empty && !u.triggers("Timer") && !u.isTrue("Timer", "OnClockChange") && !u.isTrue("Timer", "OnTimezoneChange") {
					r.add(u.at(), "%s has no OnCalendar= or similar directive", u.Name)
				}
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
