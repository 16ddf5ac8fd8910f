package check

import (
	"example.org/portable-walkthrough-go/tools/checkportable/directives"
)

var triggerChecks = []Check{
	{
		ID: "timer-without-unit", Severity: Error, Host: UnitRefused,
		Finds: "a timer's unit is not in the image",
		Why:   "The timer can't be started: there is nothing for it to start.",
		run:   withoutUnit("timer"),
	},
	{
		ID: "path-without-unit", Severity: Error, Host: UnitRefused,
		Finds: "a path unit's unit is not in the image",
		Why:   "The path unit can't be started: there is nothing for it to start.",
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
					r.add(u.at(), "%s has no OnCalendar= or its like", u.Name)
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
					r.add(u.at(), "%s has no PathExists= or its like", u.Name)
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
