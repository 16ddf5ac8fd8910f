package check

import (
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/unitfile"
)

var architectureChecks = []Check{
	{
		ID: "architecture-never-met", Severity: Warning,
		Finds: "a unit does not start on machines of the image's architecture",
		Why:   "systemd compares the machine's architecture. It skips the unit if a condition fails, and the unit fails if an assertion fails.",
		Fix:   "Remove the line, or build the image for that architecture.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.Units {
				for _, kind := range []string{"ConditionArchitecture", "AssertArchitecture"} {
					for _, a := range u.all("Unit", kind) {
						// One of several that are enough begins with "|".
						text, negated := strings.CutPrefix(a.Value, "!")
						name := strings.TrimLeft(text, unitfile.Blanks)
						if !strings.HasPrefix(text, "|") && neverRuns(img.Header.Architecture, name, negated) {
							r.add(at(a), "%s=%s is never met: the image is for %s", a.Name, a.Value, img.Header.Architecture)
						}
					}
				}
			}
		},
	},
}

// neverRuns tells whether no machine for an image meets a condition. Only of those
// architectures are the machines always called so: 32-bit images run on 64-bit machines, too.
func neverRuns(image, condition string, negated bool) bool {
	if !slices.Contains([]string{"arm64", "ppc64-le", "riscv64", "s390x", "x86-64"}, image) || condition == "native" {
		return false
	}
	return (image == condition) == negated
}
