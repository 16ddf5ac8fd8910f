package check

import (
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
	"example.org/portable-walkthrough-go/tools/spec"
)

var namingChecks = []Check{
	{
		ID: "no-unit", Severity: Error, Milder: []Severity{Warning}, Host: AttachFails,
		Finds: "no unit of the image has the portable name",
		Why:   "portablectl attach IMAGE attaches the units with the portable name, and refuses an image without such a unit.",
		Fix:   "Declare a unit with the image's name, or add the units' prefix to the attribute prefixes.",
		run: func(img *Image, r *reporter) {
			name := img.Header.Name
			if slices.ContainsFunc(img.Units, func(u *Unit) bool { return spec.HasPrefix(u.Name, name) }) {
				return
			}
			var f Finding
			for _, prefix := range img.Header.Prefixes {
				if slices.ContainsFunc(img.Units, func(u *Unit) bool { return spec.HasPrefix(u.Name, prefix) }) {
					f.Severity = Warning
					f.Fix = "Attach the image with \"portablectl attach IMAGE " + prefix + "\"; or give the image the name of its units."
				}
			}
			r.add(f, "no unit in %s matches the portable name %q", img.Header.UnitDir, name)
		},
	},
	{
		ID: "unit-not-attached", Severity: Error, Host: LeftOut,
		Finds: "a unit's name starts with none of the image's prefixes",
		Why:   "portablectl attach silently leaves out the unit.",
		Fix:   "Rename the unit to NAME, NAME-SOMETHING or NAME@, or add its prefix to the attribute prefixes.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.Units {
				if !img.Header.Attaches(u.Name) {
					r.add(u.at(), "%s starts with none of the prefixes %q", u.Name, img.Header.Prefixes)
				}
			}
			for _, e := range img.spec.Entries {
				name, suffix := path.Base(e.Path), path.Ext(e.Path)
				near := nearest(suffix, attachable)
				if path.Dir(e.Path) != img.Header.UnitDir || e.Type == spec.Directory || spec.IsUnit(name) || !img.Header.Attaches(name) || !slices.Contains(suffixes, suffix) && near == "" {
					continue
				}
				f := in(e)
				f.Why = "A portable service has units that end in " + strings.Join(attachable, ", ") + "; portablectl attach silently leaves out all others."
				f.Fix = "Remove the file from the image, and install it on each host."
				if !slices.Contains(suffixes, suffix) {
					f.Fix = "Did you mean " + strings.TrimSuffix(name, suffix) + near + "?"
				}
				r.add(f, "%s is not a unit that portablectl attaches", name)
			}
		},
	},
	{
		ID: "unit-name-invalid", Severity: Error, Host: LeftOut,
		Finds: "a unit file's name has invalid characters",
		Why:   "systemd does not recognize the file as a unit, and portablectl attach silently leaves it out.",
		Fix:   "Write letters, digits and \":-_.\\\" only, and an \"@\" for a template.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.Units {
				if !grammar.IsUnitName(u.Name) {
					r.add(u.at(), "%q is not a valid name of a unit", u.Name)
				}
			}
		},
	},
	{
		ID: "prefixes-missing", Severity: Warning,
		Finds: "os-release does not set PORTABLE_PREFIXES",
		Why:   "systemd-dissect then does not recognize the image as a portable service, and attach accepts any prefix.",
		run: func(img *Image, r *reporter) {
			if os := img.OSRelease; os != nil {
				if !os.Assigns("PORTABLE_PREFIXES") {
					f := in(os.Entry)
					f.Fix = "Add the line PORTABLE_PREFIXES=" + img.Header.Name
					r.add(f, "PORTABLE_PREFIXES= is missing")
				}
			}
		},
	},
	{
		ID: "prefixes-mismatch", Severity: Error, Host: AttachFails,
		Finds: "PORTABLE_PREFIXES does not cover a prefix of the image",
		Why:   "portablectl attach refuses prefixes that PORTABLE_PREFIXES does not name.",
		Fix:   "Add the prefix to PORTABLE_PREFIXES=, separated by a blank.",
		run: func(img *Image, r *reporter) {
			if img.OSRelease == nil {
				return
			}
			a, ok := img.OSRelease.Lookup("PORTABLE_PREFIXES")
			if !ok {
				return
			}
			for _, prefix := range img.Header.Prefixes {
				if !slices.ContainsFunc(strings.Fields(a.Value), func(known string) bool { return spec.HasPrefix(prefix, known) }) {
					r.add(Finding{File: in(img.OSRelease.Entry).File, Line: a.Line}, "PORTABLE_PREFIXES is %q, which does not cover %q", a.Value, prefix)
				}
			}
		},
	},
	{
		ID: "drop-in-not-attached", Severity: Error, Host: LeftOut,
		Finds: "the image has a drop-in for one of its units",
		Why:   "systemd-portabled copies unit files but no drop-in directories, so the host never reads it.",
		Fix:   "Declare it with the attribute units, which appends it to its unit.",
		run: func(img *Image, r *reporter) {
			for _, d := range img.DropIns {
				if img.unit(d.Name) != nil {
					r.add(d.at(), "systemd never reads the drop-in %s of %s", path.Base(d.Entry.Path), d.Name)
				}
			}
		},
	},
	{
		ID: "drop-in-without-unit", Severity: Error, Host: LeftOut,
		Finds: "a drop-in belongs to no unit of the image",
		Why:   "It has no effect, neither on the image nor on the host's unit of that name.",
		Fix:   "Correct the directory's name, or remove the drop-in.",
		run: func(img *Image, r *reporter) {
			for _, d := range img.DropIns {
				if img.unit(d.Name) == nil {
					f := d.at()
					near := nearestUnit(d.Name, img.unitNames())
					if of := img.unitsOfPrefix(d.Name); len(of) > 0 {
						f.Fix = "Declare it with the attribute units, which appends it to its unit, as a drop-in of " + strings.Join(of, " and another of ") + "."
					} else if near != "" {
						f.Fix = "Did you mean " + near + ".d?"
					}
					r.add(f, "the unit %s of the drop-in %s is not in the image", d.Name, path.Base(d.Entry.Path))
				}
			}
		},
	},
}

// attachable are the suffixes of units that systemd-portabled attaches.
var attachable = []string{".service", ".socket", ".target", ".timer", ".path"}

// unitsOfPrefix returns the image's units to which a drop-in for many applies: "foo-.service" for all
// services that start so, and "service" for all (systemd.unit(5)).
func (img *Image) unitsOfPrefix(name string) []string {
	stem := strings.TrimSuffix(name, path.Ext(name))
	return slices.DeleteFunc(img.unitNames(), func(unit string) bool {
		ofPrefix := strings.HasSuffix(stem, "-") && path.Ext(unit) == path.Ext(name) && strings.HasPrefix(unit, stem)
		return !ofPrefix && path.Ext(unit) != "."+name
	})
}

func (img *Image) unitNames() []string {
	var names []string
	for _, u := range img.Units {
		names = append(names, u.Name)
	}
	return names
}
