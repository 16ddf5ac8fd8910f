package check

import (
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/unitfile"
)

var conditionChecks = []Check{
	{
		ID: "architecture-never-met", Severity: Warning,
		Finds: "a unit does not start on machines of the image's architecture",
		Why:   "systemd compares the machine's architecture. It skips the unit if a condition fails, and the unit fails if an assertion fails.",
		Fix:   "Remove the line, or build the image for that architecture.",
		run: func(img *Image, r *reporter) {
			never := func(name string, negated bool) bool { return neverRuns(img.Header.Architecture, name, negated) }
			img.eachNeverMet(never, func(a Assignment) {
				r.add(at(a), "%s=%s is never met: the image is for %s", a.Name, a.Value, img.Header.Architecture)
			}, "Architecture")
		},
	},
	{
		ID: "user-never-met", Severity: Warning,
		Finds: "a unit starts only under a service manager of another user",
		Why:   "systemd compares the user of the service manager, which is root, and not the user of the service. It skips the unit if a condition fails, and the unit fails if an assertion fails.",
		Fix:   "Remove the line; User= or DynamicUser=yes says as which user the service runs.",
		run: func(img *Image, r *reporter) {
			never := func(name string, negated bool) bool {
				return slices.Contains([]string{"root", "0", "@system"}, name) == negated
			}
			img.eachNeverMet(never, func(a Assignment) {
				r.add(at(a), "%s=%s is never met: the service manager runs as root", a.Name, a.Value)
			}, "User", "Group")
		},
	},
}

// eachNeverMet visits the conditions and assertions of some kinds that are never met. Of those that start
// with "|" it is enough that one is met.
func (img *Image) eachNeverMet(never func(name string, negated bool) bool, visit func(Assignment), kinds ...string) {
	for _, u := range img.Units {
		for _, prefix := range []string{"Condition", "Assert"} {
			var failing []Assignment
			met := false
			for _, a := range u.tests(prefix) {
				text, alternative := strings.CutPrefix(a.Value, "|")
				text, negated := strings.CutPrefix(strings.TrimLeft(text, unitfile.Blanks), "!")
				name, known := u.expand(strings.TrimLeft(text, unitfile.Blanks))
				fails := slices.Contains(kinds, strings.TrimPrefix(a.Name, prefix)) && known && never(name, negated)
				switch {
				case fails && !alternative:
					visit(a)
				case fails:
					failing = append(failing, a)
				case alternative:
					met = true
				}
			}
			if !met && len(failing) > 0 {
				visit(failing[0])
			}
		}
	}
}

// tests returns a unit's conditions or assertions. An empty line of any resets all.
func (u *Unit) tests(prefix string) []Assignment {
	var all []Assignment
	for _, a := range u.Assignments {
		switch {
		case a.Section != "Unit" || !strings.HasPrefix(a.Name, prefix):
		case a.Value == "":
			all = nil
		default:
			all = append(all, a)
		}
	}
	return all
}

// neverRuns reports whether no machine that can run an image meets a condition. It decides only
// for architectures whose images run on no other one: 32-bit images run on 64-bit machines, too.
func neverRuns(image, condition string, negated bool) bool {
	if !slices.Contains([]string{"arm64", "ppc64-le", "riscv64", "s390x", "x86-64"}, image) || condition == "native" {
		return false
	}
	return (image == condition) == negated
}
