package check

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// Package spec adds the mount points that units name, and refuses a declaration that
// is in their way. What is left are those that it can't know.
var mountChecks = []Check{
	{
		ID: "path-missing", Severity: Error, Host: StartFails,
		Finds: "a unit protects or enters a path that is not in the image",
		Why:   "The service fails to start with status=226/NAMESPACE, or 200/CHDIR.",
		Fix:   "Declare the path, or write \"-\" before it if it need not be there.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, m := range u.requiredPaths() {
					if img.find(m.path) == nil {
						r.add(at(m.Assignment), "%s= needs %s in the image", m.Name, m.path)
					}
				}
			}
		},
	},
	{
		ID: "mount-point-unknown", Severity: Warning, Host: StartFails,
		Finds: "only the host knows the path of what a unit has mounted",
		Why:   "The image is read-only: a service whose mount point is not in it fails to start with status=226/NAMESPACE.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, a := range u.Assignments {
					if !slices.Contains(u.all(a.Section, a.Name), a) {
						continue
					}
					_, unknown := spec.MountPoints(u.Name, []unitfile.Assignment{a.Assignment})
					for _, e := range unknown {
						if u.mounts(e.Path) || img.hasLike(e.Path) {
							continue
						}
						f := at(a)
						f.Fix = "Declare the paths that there will be, as in " + specifier.ReplaceAllString(e.Path, "NAME") +
							", with the attribute directories; or use what is the same for all instances and hosts, as %p is."
						r.add(f, "%s needs %s in the image, and only the host knows that path", e.Origin, e.Path)
					}
				}
			}
		},
	},
}

var specifier = regexp.MustCompile("%[a-zA-Z]")

// hasLike tells whether the image has a path that can be this one, of which only the
// host knows the specifiers.
func (img *Image) hasLike(name string) bool {
	parts := specifier.Split(name, -1)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	pattern := regexp.MustCompile("^" + strings.Join(parts, ".+") + "$")
	return slices.ContainsFunc(img.spec.Entries, func(e *spec.Entry) bool { return pattern.MatchString(e.Path) })
}

// A requiredPath is what must be there for a directive to take effect.
type requiredPath struct {
	Assignment
	path string
}

func (u *Unit) requiredPaths() []requiredPath {
	var all []requiredPath
	for _, name := range []string{"ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths", "WorkingDirectory"} {
		for _, a := range u.all("Service", name) {
			words := []string{a.Value} // one path, blanks included
			if name != "WorkingDirectory" {
				words, _ = unitfile.Split(a.Value, unitfile.Blanks, unitfile.Unquote)
			}
			for _, word := range words {
				if strings.HasPrefix(word, "-") || word == "~" {
					continue
				}
				target, ok := u.expand(strings.TrimPrefix(word, "+"))
				if target = path.Clean(target); !ok || !path.IsAbs(target) || u.mounts(target) {
					continue
				}
				all = append(all, requiredPath{a, target})
			}
		}
	}
	return all
}

// volatile are file systems that the host mounts first, and can make places in.
var volatile = []string{"/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp"}

// mounts tells whether a path is the host's to have: in something that is mounted
// into the image.
func (u *Unit) mounts(name string) bool {
	var lines []unitfile.Assignment
	for _, a := range u.Assignments {
		lines = append(lines, a.Assignment)
	}
	mounted := slices.Clone(volatile)
	known, _ := spec.MountPoints(u.Name, lines)
	for _, e := range known {
		mounted = append(mounted, e.Path)
	}
	return slices.ContainsFunc(mounted, func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") })
}
