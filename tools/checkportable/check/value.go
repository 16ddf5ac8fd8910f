package check

import (
	"fmt"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// The directive's type and systemd's reaction to the value decide which check reports a fault that
// package grammar finds.
var valueChecks = []Check{
	{
		ID: "comment-behind-value", Severity: Error,
		Finds: "a comment follows a value",
		Why:   "systemd supports only comments on lines of their own, and treats this one as part of the value.",
		Fix:   "Put the comment on a line of its own, before this one.",
		run: func(img *Image, r *reporter) {
			img.eachAssignment(func(a Assignment) {
				if hasComment(a) {
					r.add(at(a), "%s= has a comment after its value", a.Name)
				}
			})
		},
	},
	{
		ID: "not-boolean", Severity: Error, Host: LineIgnored,
		Finds: "a boolean directive is set to something else",
		Why:   "systemd logs a warning and ignores the line.",
		Fix:   "Write yes or no.",
		run:   values(func(f grammar.Fault) bool { return f.Effect != grammar.Discouraged && isBoolean(f) }),
	},
	{
		ID: "value-invalid", Severity: Error, Host: LineIgnored,
		Finds: "a value is invalid for its directive",
		Why:   "systemd logs a warning and ignores the line, or the invalid part of it: the setting has no effect.",
		Fix:   "Write a value that the directive's manual page allows; systemd.directives(7) has an index.",
		run: values(func(f grammar.Fault) bool {
			return f.Effect == grammar.Ignored && !isBoolean(f) && f.Type != "units"
		}),
	},
	{
		ID: "value-refused", Severity: Error, Host: UnitRefused,
		Finds: "an invalid value makes systemd refuse the unit",
		Why:   "systemd refuses to load the unit.",
		Fix:   "Write a value that the directive's manual page allows; systemd.directives(7) has an index.",
		run:   values(func(f grammar.Fault) bool { return f.Effect == grammar.Refused && !isBoolean(f) }),
	},
	{
		ID: "value-dropped", Severity: Error,
		Finds: "systemd silently ignores a value or a word of it",
		Why:   "systemd logs nothing, and the setting has no effect.",
		run:   values(func(f grammar.Fault) bool { return f.Effect == grammar.Dropped }),
	},
	{
		ID: "value-discouraged", Severity: Warning,
		Finds: "systemd accepts a value, but warns about it",
		Why:   "The value is unsafe or deprecated; systemd logs a warning each time that it loads the unit.",
		run:   values(func(f grammar.Fault) bool { return f.Effect == grammar.Discouraged }),
	},
}

func isBoolean(f grammar.Fault) bool { return f.Type == "bool" || f.Type == "tristate" }

// values returns a check for the wanted faults of values. Other checks report values that only some
// versions of systemd accept.
func values(wanted func(grammar.Fault) bool) func(*Image, *reporter) {
	return func(img *Image, r *reporter) {
		img.eachFault(func(a Assignment, f grammar.Fault) {
			if f.Is != "" && wanted(f) {
				place := at(a)
				place.Fix = f.Fix
				r.add(place, "%s", faultText(a, f))
			}
		})
	}
}

func faultText(a Assignment, f grammar.Fault) string {
	switch f.Part {
	case a.Value:
		return fmt.Sprintf("%s=%s %s", a.Name, a.Value, f.Is)
	case "":
		return fmt.Sprintf("%s= %s", a.Name, f.Is)
	}
	return fmt.Sprintf("%s=: %q %s", a.Name, f.Part, f.Is)
}

// eachFault visits the faults in the values of all unit files and drop-ins. Another check covers
// values with comments.
func (img *Image) eachFault(visit func(Assignment, grammar.Fault)) {
	for _, u := range img.files() {
		for _, f := range u.faults() {
			visit(f.a, f.f)
		}
	}
}

// A fault is an assignment with one of the faults of its value.
type fault struct {
	a Assignment
	f grammar.Fault
}

// faults judges the values of a unit, once for all checks.
func (u *Unit) faults() []fault {
	if !u.judged {
		u.judged = true
		for _, a := range u.Assignments {
			for _, f := range u.judge(a) {
				u.faulty = append(u.faulty, fault{a, f})
			}
		}
	}
	return u.faulty
}

func (u *Unit) judge(a Assignment) []grammar.Fault {
	if _, ok := directives.Lookup(a.Section, a.Name); !ok || hasComment(a) {
		return nil
	}
	if !isTemplate(u.Name) {
		return grammar.Check(u.Name, a.Section, a.Name, a.Value)
	}
	var first []grammar.Fault
	for i, instance := range instances {
		faults := grammar.Check(strings.Replace(u.Name, "@.", "@"+instance+".", 1), a.Section, a.Name, a.Value)
		if !slices.ContainsFunc(faults, func(f grammar.Fault) bool { return f.Is != "" }) {
			return faults
		}
		if i == 0 {
			first = faults
		}
	}
	return first
}

// instances are names that a template's instances may have: a name, a number, a calendar event, addresses.
// A value is faulty if it is so for each of them.
var instances = []string{"instance", "1", "daily", "127.0.0.1", "::1"}

// prose are types whose values may have a "#" as a word.
var prose = []string{"", "text", "raw", "condition", "c-text", "regex", "log-fields"}

// hasComment reports whether an unquoted word of a value starts with "#", or with ";", which separates
// commands and has no meaning elsewhere.
func hasComment(a Assignment) bool {
	kind := grammar.TypeOf(a.Section, a.Name)
	starts := func(word string) bool {
		return strings.HasPrefix(word, "#") || kind != "command" && strings.HasPrefix(word, ";")
	}
	if slices.Contains(prose, kind) || !strings.ContainsAny(a.Value, "#;") {
		return false
	}
	words, err := unitfile.Split(a.Value, unitfile.Blanks, unitfile.Unquote|unitfile.CEscapes|unitfile.Relaxed)
	raw := strings.Fields(a.Value)
	return slices.ContainsFunc(words, func(word string) bool { return starts(word) && slices.Contains(raw, word) }) ||
		err != nil && slices.ContainsFunc(raw, starts)
}
