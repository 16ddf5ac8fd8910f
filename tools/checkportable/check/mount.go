package check

import (
	"path"
	"slices"
	"strings"
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

// A mountPoint is a path of the image that a directive needs.
type mountPoint struct {
	Assignment
	path      string
	directory bool
}

// stateRoots are where systemd.exec(5) puts a service's directories. What
// RuntimeDirectory= names is below /run, which is always writable.
var stateRoots = map[string]string{
	"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "LogsDirectory": "/var/log", "ConfigurationDirectory": "/etc",
}

// volatile are file systems that the host mounts first, and can make places in.
var volatile = []string{"/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp"}

// mountPoints are where the host's directories and files appear.
func (u *Unit) mountPoints() []mountPoint {
	var all []mountPoint
	add := func(a Assignment, name string, directory bool) {
		name, ok := u.expand(name)
		if !ok || !path.IsAbs(name) || below(path.Clean(name), volatile) {
			return
		}
		all = append(all, mountPoint{a, path.Clean(name), directory})
	}
	for _, name := range []string{"StateDirectory", "CacheDirectory", "LogsDirectory", "ConfigurationDirectory"} {
		for _, a := range u.all("Service", name) {
			for _, word := range words(a.Value) {
				directory, _, _ := strings.Cut(word, ":")
				add(a, stateRoots[name]+"/"+directory, true)
			}
		}
	}
	for _, name := range []string{"BindPaths", "BindReadOnlyPaths"} {
		for _, a := range u.all("Service", name) {
			for _, word := range words(a.Value) {
				fields := strings.Split(strings.TrimLeft(word, "-+"), ":")
				target := fields[0]
				if len(fields) > 1 && fields[1] != "" {
					target = fields[1]
				}
				add(a, target, false)
			}
		}
	}
	for _, a := range u.all("Service", "TemporaryFileSystem") {
		for _, word := range words(a.Value) {
			target, _, _ := strings.Cut(word, ":")
			add(a, target, true)
		}
	}
	return all
}

// requiredPaths are those that must be there for a directive to take effect.
func (u *Unit) requiredPaths() []mountPoint {
	var all []mountPoint
	for _, name := range []string{"ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths", "WorkingDirectory"} {
		for _, a := range u.all("Service", name) {
			for _, word := range words(a.Value) {
				if strings.HasPrefix(word, "-") || word == "~" {
					continue
				}
				target, ok := u.expand(strings.TrimPrefix(word, "+"))
				if target = path.Clean(target); !ok || !path.IsAbs(target) || u.mounts(target) {
					continue
				}
				all = append(all, mountPoint{a, target, false})
			}
		}
	}
	return all
}

// mounts tells whether a path is the host's to have: in something that is mounted
// into the image.
func (u *Unit) mounts(name string) bool {
	return below(name, volatile) || slices.ContainsFunc(u.mountPoints(), func(m mountPoint) bool { return below(name, []string{m.path}) })
}

// below tells whether a path is one of the directories, or in it.
func below(name string, directories []string) bool {
	return slices.ContainsFunc(directories, func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") })
}
