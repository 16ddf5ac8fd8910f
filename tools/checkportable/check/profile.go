package check

import (
	"fmt"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
)

var profileChecks = []Check{
	{
		ID: "profile-overrides", Severity: Note,
		Finds: "the profile sets what the unit sets otherwise",
		Why:   "The profile's drop-in comes after the unit, and beats it.",
		Fix:   "Choose another profile, or see that the service works with the profile's value.",
		run: func(img *Image, r *reporter) {
			img.eachConflict(func(a Assignment, profile, value string) {
				if !adds(a.Name, value) {
					r.add(at(a), "%s=%s, but the profile %s sets %s=%s", a.Name, few(a.Value), profile, a.Name, few(value))
				}
			})
		},
	},
	{
		ID: "profile-extends", Severity: Note,
		Finds: "the profile adds to a list that the unit sets",
		Why:   "The profile's drop-in comes after the unit: both lists are taken together, so it may allow what the unit does not.",
		Fix:   "Choose a stricter profile if that is too much.",
		run: func(img *Image, r *reporter) {
			img.eachConflict(func(a Assignment, profile, value string) {
				if adds(a.Name, value) {
					r.add(at(a), "%s=%s, to which the profile %s adds %s", a.Name, few(a.Value), profile, few(value))
				}
			})
		},
	},
}

// lists are directives whose assignments add up.
var lists = []string{"CapabilityBoundingSet", "IPAddressDeny", "RestrictAddressFamilies", "SystemCallArchitectures", "SystemCallFilter"}

// adds tells whether a profile's value adds to a unit's; an empty one resets it.
func adds(name, value string) bool { return value != "" && slices.Contains(lists, name) }

// few shortens a list to what fits on a line.
func few(value string) string {
	all := strings.Fields(value)
	if len(all) <= 5 {
		return value
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:4], " "), len(all)-4)
}

// eachConflict visits what both a service and the intended profile set, to
// different values.
func (img *Image) eachConflict(visit func(a Assignment, profile, value string)) {
	profile := img.Options.Profile
	if profile == "" {
		profile = "default"
	}
	for _, u := range img.of("service") {
		for _, s := range directives.Profile(profile) {
			// Places add up without a conflict.
			if s.Name == "BindPaths" || s.Name == "BindReadOnlyPaths" {
				continue
			}
			for _, a := range slices.Backward(u.Assignments) {
				if a.Section == "Service" && a.Name == s.Name {
					if !sameValue(a.Value, s.Value) {
						visit(a, profile, s.Value)
					}
					break
				}
			}
		}
	}
}

func sameValue(a, b string) bool {
	if x, ok := grammar.Bool(a); ok {
		if y, ok := grammar.Bool(b); ok {
			return x == y
		}
	}
	return slices.Equal(strings.Fields(a), strings.Fields(b))
}
