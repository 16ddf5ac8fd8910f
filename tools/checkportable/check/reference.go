package check

import (
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

var referenceChecks = []Check{
	{
		ID: "reference-invalid", Severity: Error, Host: LineIgnored,
		Finds: "a unit's name is invalid",
		Why:   "systemd logs a warning and ignores it.",
		Fix:   "Write the name with its suffix, as in network.target.",
		run: func(img *Image, r *reporter) {
			img.eachReference(func(a Assignment, name string, _ bool) {
				if a.Section == "Install" && !slices.Contains(suffixes, path.Ext(name)) {
					f := at(a)
					f.Fix = grammar.UnitFix(name)
					r.add(f, "%s=%s has no unit type's suffix", a.Name, name)
				}
			})
			for _, u := range img.Units {
				for _, a := range u.all("Install", "Alias") {
					for _, name := range strings.Fields(a.Value) {
						if alias, ok := u.reference(name); ok && slices.Contains(suffixes, path.Ext(alias)) && path.Ext(alias) != path.Ext(u.Name) {
							f := at(a)
							f.Why, f.Fix = "systemctl enable refuses it: an alias is another name of the same unit.", "Write "+strings.TrimSuffix(name, path.Ext(name))+path.Ext(u.Name)+"."
							r.add(f, "Alias=%s is not the name of a %s", name, u.Type())
						}
					}
				}
			}
			values(func(f grammar.Fault) bool { return f.Effect == grammar.Ignored && f.Type == "units" })(img, r)
		},
	},
	{
		ID: "reference-unknown", Severity: Warning,
		Finds: "a unit needs another one that is neither in the image nor part of systemd",
		Why:   "On a host without it the unit does not start, or can't be enabled.",
		run: func(img *Image, r *reporter) {
			img.eachReference(func(a Assignment, name string, needs bool) {
				if needs && !img.known(name) {
					f := at(a)
					f.Fix = img.suggestUnit(name)
					r.add(f, "%s=%s is neither in the image nor part of systemd", a.Name, name)
				}
			})
		},
	},
	{
		ID: "order-unknown", Severity: Note,
		Finds: "a unit is ordered after or before one that is neither in the image nor part of systemd",
		Why:   "Without that unit the line has no effect.",
		run: func(img *Image, r *reporter) {
			img.eachReference(func(a Assignment, name string, needs bool) {
				if !needs && !img.known(name) {
					f := at(a)
					f.Fix = img.suggestUnit(name)
					r.add(f, "%s=%s is neither in the image nor part of systemd", a.Name, name)
				}
			})
		},
	},
}

// suffixes are the suffixes of all unit types.
var suffixes = []string{".service", ".socket", ".device", ".mount", ".automount", ".swap", ".target", ".path", ".timer", ".slice", ".scope"}

// made are the types whose units systemd generates on the host.
var made = []string{".device", ".mount", ".automount", ".swap", ".slice", ".scope"}

// needing directives pull in the unit that they name, or install into it.
var needing = []string{"Requires", "Requisite", "Wants", "BindsTo", "Upholds", "OnFailure", "OnSuccess", "Sockets", "Also", "WantedBy", "RequiredBy", "UpheldBy"}

// eachReference visits the units that units name, except those that other checks cover.
func (img *Image) eachReference(visit func(a Assignment, name string, needs bool)) {
	for _, u := range img.Units {
		for _, a := range u.Assignments {
			d, _ := directives.Lookup(a.Section, a.Name)
			needs := slices.Contains(needing, a.Name) && (d.Type == "UNIT [...]" || a.Section == "Install" || a.Name == "Sockets")
			if !needs && d.Type != "UNIT [...]" {
				continue
			}
			if hasComment(a) {
				continue
			}
			words, _ := unitfile.Split(a.Value, unitfile.Blanks, unitfile.Unquote|unitfile.KeepEscapes)
			for _, word := range words {
				if name, ok := u.reference(word); ok {
					visit(a, name, needs)
				}
			}
		}
	}
}

// known reports whether a referenced unit exists. Another check covers invalid names.
func (img *Image) known(name string) bool {
	ext := path.Ext(name)
	return !slices.Contains(suffixes, ext) || !strings.Contains(name, "%") && !grammar.IsUnitName(name) || slices.Contains(made, ext) || img.unit(name) != nil || directives.IsUnit(name) || img.isAlias(name)
}

// isAlias reports whether a unit of the image has a further name once it is enabled.
func (img *Image) isAlias(name string) bool {
	return slices.ContainsFunc(img.Units, func(u *Unit) bool {
		return slices.ContainsFunc(u.all("Install", "Alias"), func(a Assignment) bool {
			return slices.Contains(strings.Fields(a.Value), name)
		})
	})
}

// nearestUnit returns the unit that was probably meant, or "". Units of one type are compared without their
// suffixes, which would make short names near.
func nearestUnit(name string, units []string) string {
	suffix := path.Ext(name)
	var stems []string
	for _, unit := range units {
		if stem, ok := strings.CutSuffix(unit, suffix); ok {
			stems = append(stems, stem)
		}
	}
	if stem := nearest(strings.TrimSuffix(name, suffix), stems); stem != "" {
		return stem + suffix
	}
	if near := nearest(name, units); near != "" && path.Ext(near) != suffix {
		return near
	}
	return ""
}

func (img *Image) suggestUnit(name string) string {
	if near := nearestUnit(name, append(img.unitNames(), "multi-user.target", "sockets.target", "timers.target", "paths.target", "network-online.target", "network.target", "basic.target", "default.target")); near != "" && !strings.EqualFold(near, name) {
		return "Did you mean " + near + "?"
	}
	return "Correct the name, put the unit into the image, or see that every host has it."
}
