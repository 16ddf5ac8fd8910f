package check

import (
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/mkportable/image"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// What is mounted needs no check: package image adds the mount points that units
// name, and refuses a declaration that is in their way.
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
			for _, word := range unitfile.Words(a.Value) {
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
	for _, e := range image.MountPoints(u.Name, lines) {
		mounted = append(mounted, e.Path)
	}
	return slices.ContainsFunc(mounted, func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") })
}
