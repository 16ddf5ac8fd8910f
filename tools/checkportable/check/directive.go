package check

import (
	"fmt"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
)

// newestSystemd is the version whose directives are known.
var newestSystemd = directives.Newest

var nearest = directives.Nearest

var directiveChecks = []Check{
	{
		ID: "unknown-section", Severity: Error, Host: LineIgnored,
		Finds: "a unit file has a section that systemd does not know",
		Why:   "systemd ignores the section and all its lines.",
		Fix:   "Correct the name; a section of your own must start with \"X-\".",
		run: func(img *Image, r *reporter) {
			for _, u := range img.files() {
				for _, s := range u.Sections {
					if directives.IsSection(s.Name) || strings.HasPrefix(s.Name, "X-") {
						continue
					}
					f := Finding{File: s.File, Line: s.Line}
					if near := nearest(s.Name, directives.Sections()); near != "" {
						f.Fix = fmt.Sprintf("Did you mean [%s]?", near)
					}
					r.add(f, "[%s] is not a section in systemd %d", s.Name, newestSystemd)
				}
			}
		},
	},
	{
		ID: "foreign-section", Severity: Error, Host: LineIgnored,
		Finds: "a unit has another unit type's section",
		Why:   "systemd ignores the section and all its lines.",
		Fix:   "Move it to a unit of that type.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.files() {
				for _, s := range u.Sections {
					if !directives.IsSection(s.Name) || slices.Contains([]string{"Unit", "Install"}, s.Name) || s.Name == u.section() {
						continue
					}
					r.add(Finding{File: s.File, Line: s.Line}, "[%s] has no meaning in a .%s unit", s.Name, u.Type())
				}
			}
		},
	},
	{
		ID: "unknown-directive", Severity: Error, Host: LineIgnored,
		Finds: "a section has a directive that it does not support",
		Why:   "systemd logs a warning and ignores the line: the setting has no effect.",
		Fix:   "Correct the name; one of your own must start with \"X-\".",
		run: func(img *Image, r *reporter) {
			img.eachAssignment(func(a Assignment) {
				if _, ok := directives.Lookup(a.Section, a.Name); ok {
					return
				}
				f := at(a)
				var others []string
				for _, section := range []string{"Unit", "Service", "Socket", "Timer", "Path", "Install"} {
					if _, ok := directives.Lookup(section, a.Name); ok {
						others = append(others, "["+section+"]")
					}
				}
				if len(others) > 0 {
					f.Fix = fmt.Sprintf("It belongs in %s.", strings.Join(others, " or "))
				} else if near := nearest(a.Name, directives.Names(a.Section)); near != "" {
					f.Fix = fmt.Sprintf("Did you mean %s=?", near)
				}
				r.add(f, "%s= is not a directive of [%s] in systemd %d", a.Name, a.Section, newestSystemd)
			})
		},
	},
	{
		ID: "directive-removed", Severity: Warning, Host: LineIgnored,
		Finds: "newer versions of systemd no longer support a directive or its value",
		Why:   "They log a warning and ignore the line.",
		Fix:   "Use its replacement (see an older edition of its manual), or remove it.",
		run: func(img *Image, r *reporter) {
			img.eachAssignment(func(a Assignment) {
				if d, ok := directives.Lookup(a.Section, a.Name); ok && d.Until != 0 {
					r.add(at(a), "systemd %[2]d no longer supports %[1]s=; the last version known to support it is %[3]d", a.Name, newestSystemd, d.Until)
				}
			})
			img.eachFault(func(a Assignment, f grammar.Fault) {
				if f.Is == "" && f.Until != 0 {
					r.add(at(a), "systemd %[3]d no longer supports %[1]s=%[2]s; the last version known to support it is %[4]d", a.Name, a.Value, newestSystemd, f.Until)
				}
			})
		},
	},
	{
		ID: "directive-undocumented", Severity: Note,
		Finds: "a directive is an old name that systemd no longer documents",
		Why:   "systemd accepts it only for compatibility, and its next version may not.",
		Fix:   "Use the documented name: systemd.directives(7) has an index.",
		run: func(img *Image, r *reporter) {
			img.eachAssignment(func(a Assignment) {
				if d, ok := directives.Lookup(a.Section, a.Name); ok && !d.Documented && d.Until == 0 {
					r.add(at(a), "%s= is not in systemd %d's manuals", a.Name, newestSystemd)
				}
			})
		},
	},
	{
		ID: "directive-too-new", Severity: Warning,
		Finds: "a directive or its value is newer than the oldest systemd that the image supports",
		Why:   "An older systemd logs a warning and ignores the line.",
		Fix:   "Raise minimum_systemd, or make sure that the unit works without the line.",
		run: func(img *Image, r *reporter) {
			if img.Options.MinimumSystemd == 0 {
				return
			}
			img.eachAssignment(func(a Assignment) {
				if d, ok := directives.Lookup(a.Section, a.Name); ok && d.Since > img.Options.MinimumSystemd {
					r.add(at(a), "%s= came with systemd %d, and minimum_systemd is %d", a.Name, d.Since, img.Options.MinimumSystemd)
				}
			})
			for _, u := range img.of("service") {
				a, ok := u.last("Service", "RestartForceExitStatus")
				if ok && oneshot(u) && img.Options.MinimumSystemd <= 252 {
					r.add(at(a), "%s=%s: systemd 257 accepts it with Type=oneshot, 252 does not, and minimum_systemd is %d", a.Name, a.Value, img.Options.MinimumSystemd)
				}
			}
			img.eachFault(func(a Assignment, f grammar.Fault) {
				if f.Is == "" && f.Since != 0 && f.Before >= img.Options.MinimumSystemd {
					r.add(at(a), "%s=%s: systemd %d accepts it, %d does not, and minimum_systemd is %d", a.Name, a.Value, f.Since, f.Before, img.Options.MinimumSystemd)
				}
			})
		},
	},
}

// eachAssignment visits the lines of all unit files and drop-ins in sections that
// systemd reads.
func (img *Image) eachAssignment(visit func(Assignment)) {
	for _, u := range img.files() {
		for _, a := range u.Assignments {
			if directives.IsSection(a.Section) && !strings.HasPrefix(a.Name, "X-") {
				visit(a)
			}
		}
	}
}
