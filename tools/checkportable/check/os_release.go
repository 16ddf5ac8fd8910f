package check

import (
	"fmt"
	"strings"

	"example.org/portable-walkthrough-go/tools/osrelease"
)

var osReleaseChecks = []Check{
	{
		ID: "os-release-missing", Severity: Error, Host: AttachFails,
		Finds: "the image has no os-release file",
		Why:   "portablectl attach refuses an image without one.",
		Fix:   "Declare /usr/lib/os-release with the attribute os_release.",
		run: func(img *Image, r *reporter) {
			if img.OSRelease == nil {
				r.add(Finding{}, "the image has neither /usr/lib/os-release nor /etc/os-release")
			}
		},
	},
	{
		ID: "os-release-syntax", Severity: Error,
		Finds: "a line of os-release is not an assignment that a shell can read",
		Why:   "systemd ignores the line or reads another value from it; a shell may execute it.",
		Fix:   `Write NAME=value or NAME="a value", as in os-release(5).`,
		run: func(img *Image, r *reporter) {
			if img.OSRelease != nil {
				for _, p := range img.OSRelease.Problems {
					r.add(img.OSRelease.line(p.Line), "%s", p.Text)
				}
			}
		},
	},
	{
		ID: "os-release-duplicate", Severity: Warning,
		Finds: "os-release assigns a name twice",
		Why:   "Only the last one counts.",
		Fix:   "Remove one of the lines.",
		run: func(img *Image, r *reporter) {
			if img.OSRelease == nil {
				return
			}
			first := map[string]int{}
			for _, a := range img.OSRelease.Assignments {
				if line, ok := first[a.Name]; ok {
					r.add(img.OSRelease.line(a.Line), "line %[2]d already assigns %[1]s", a.Name, line)
				} else {
					first[a.Name] = a.Line
				}
			}
		},
	},
	{
		ID: "os-release-id", Severity: Error, Host: AttachFails,
		Finds: "os-release has no ID, or an invalid one",
		Why:   "systemd 251 and newer refuse to attach or start an image without ID=.",
		run: func(img *Image, r *reporter) {
			os := img.OSRelease
			if os == nil {
				return
			}
			a, ok := os.Lookup("ID")
			switch {
			case !ok && os.Assigns("ID"): // another check reports the line
			case !ok:
				f := in(os.Entry)
				f.Fix = "Add the line ID=" + strings.ToLower(img.Header.Name)
				r.add(f, "ID= is missing")
			case a.Value == "":
				f := os.line(a.Line)
				f.Fix = "Write ID=" + strings.ToLower(img.Header.Name)
				r.add(f, "ID= is empty")
			case !osrelease.IsIdentifier(a.Value):
				f := os.line(a.Line)
				f.Fix = "Write it with lower-case letters, digits, \".\", \"_\" and \"-\" only."
				r.add(f, "ID is %q", a.Value)
			}
		},
	},
	{
		ID: "os-release-version", Severity: Warning,
		Finds: "os-release and the image's own attributes contradict each other",
		Why:   "The journal, portablectl and systemd-dissect show the values from os-release.",
		run: func(img *Image, r *reporter) {
			for _, is := range []struct{ name, want, change string }{
				{"IMAGE_VERSION", img.Header.Version, "change the attribute version"},
				{"ARCHITECTURE", img.Header.Architecture, "build the image for that platform"},
			} {
				if img.OSRelease == nil || is.want == "" {
					continue
				}
				if a, ok := img.OSRelease.Lookup(is.name); ok && a.Value != is.want {
					f := img.OSRelease.line(a.Line)
					f.Fix = fmt.Sprintf("Write %s=%s, or %s.", is.name, is.want, is.change)
					r.add(f, "%s is %q, but the image is built for %q", is.name, a.Value, is.want)
				}
			}
		},
	},
	{
		ID: "os-release-names", Severity: Note,
		Finds: "os-release lacks what portablectl and the journal show",
		Why:   "portablectl list and inspect, systemd-dissect and the journal show them; without, there is only the file's name.",
		run: func(img *Image, r *reporter) {
			if img.OSRelease == nil {
				return
			}
			var missing []string
			for _, name := range []string{"PRETTY_NAME", "PORTABLE_PRETTY_NAME", "IMAGE_ID", "IMAGE_VERSION"} {
				if !img.OSRelease.Assigns(name) {
					missing = append(missing, name+"=")
				}
			}
			if len(missing) > 0 {
				f := in(img.OSRelease.Entry)
				f.Fix = fmt.Sprintf("Add %s.", strings.Join(missing, ", "))
				r.add(f, "%s missing", strings.Join(missing, ", "))
			}
		},
	},
}

func (o *OSRelease) line(number int) Finding {
	f := in(o.Entry)
	f.Line = number
	return f
}
