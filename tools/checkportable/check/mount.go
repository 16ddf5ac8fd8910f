package check

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// Package spec adds the mount points that units name, and refuses declarations that conflict with
// them. These checks cover the mount points that it can't know.
var mountChecks = []Check{
	{
		ID: "path-missing", Severity: Error, Milder: []Severity{Warning}, Host: StartFails,
		Finds: "a unit protects or enters a path that is not in the image",
		Why:   "The service fails to start with status=226/NAMESPACE, or 200/CHDIR.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, m := range u.requiredPaths() {
					fromHost := img.profile() == "trusted" && !within(m.path, "/tmp") && !within(m.path, "/var/tmp") // BindPaths=/run
					if m.optional || m.directive != "WorkingDirectory" && img.hidesHome(u, m.path) || m.made == "" && (m.fresh && fromHost || !m.fresh && img.find(m.path) != nil) {
						continue
					}
					f := at(m.Assignment)
					if m.made != "" {
						f.Fix = m.madeFix()
						if !m.fresh {
							f.Severity = Warning // a later start may find it
						}
						r.add(f, "%s= needs %s, but %s= makes an empty directory", m.Name, m.path, m.made)
						continue
					}
					if m.fresh {
						f.Fix = "Write \"-\" before the path to do without it."
						if m.directive == "ReadWritePaths" || m.directive == "WorkingDirectory" {
							f.Fix = writableFix(img.spec.Resolve(m.path)) + " Or write \"-\" before the path to do without it."
						}
						r.add(f, "%s= needs %s, which is in a file system that is empty when the service starts", m.Name, m.path)
						continue
					}
					switch {
					case strings.Contains(m.path, ",/"):
						f.Fix = "Write a blank between the paths."
					case m.directive == "ReadWritePaths":
						f.Fix = writableFix(m.path) + " Or write \"-\" before the path if the service needs it on some hosts only."
					case m.directive == "WorkingDirectory":
						f.Fix = "If the service writes there: " + writableFix(m.path) + " If it only reads, put the files there with files or trees. Or write \"-\" before the path to do without it."
					default:
						f.Fix = "Remove the path, or write \"-\" before it: a path that does not exist needs no protection."
					}
					r.add(f, "%s= needs %s in the image", m.Name, m.path)
				}
			}
		},
	},
	{
		ID: "mount-point-unknown", Severity: Warning, Host: StartFails,
		Finds: "only the host knows the path of a unit's mount point",
		Why:   "The image is read-only: if it lacks the mount point, the service fails to start with status=226/NAMESPACE.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, a := range u.inEffect() {
					_, unknown := spec.MountPoints(u.Name, []unitfile.Assignment{a.Assignment})
					for _, e := range unknown {
						if u.mounts(e.Path) || path.IsAbs(e.Path) && img.hasLike(u.pattern(e.Path)) {
							continue
						}
						f := at(a)
						f.Fix = "Declare the paths that hosts will need, as in " + specifier.ReplaceAllString(e.Path, "NAME") +
							", with the attribute directories; or use a specifier with one value for all instances and hosts, such as %p."
						if !path.IsAbs(e.Path) {
							f.Fix = "Write a path that is the same on all hosts, as in BindPaths=/srv/NAME."
						}
						r.add(f, "%s needs %s in the image, but only the host knows that path", e.Origin, e.Path)
					}
				}
			}
		},
	},
	{
		ID: "mount-point-guessed", Severity: Warning, Milder: []Severity{Note}, Host: StartFails,
		Finds: "it is unknown whether a bound path is a file or a directory",
		Why:   "systemd mounts files over files and directories over directories: if the image has the wrong one, the service fails to start with status=226/NAMESPACE.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, a := range u.inEffect() {
					points, _ := spec.MountPoints(u.Name, []unitfile.Assignment{a.Assignment})
					for _, point := range points {
						e := img.spec.Find(img.spec.Resolve(point.Path))
						if e == nil || !e.Added || e.Guess == spec.Sure {
							continue
						}
						f := at(a)
						other, attribute, same := "a directory", "directories", "empty_files"
						if e.Type == spec.Directory {
							other, attribute, same = "a file", "empty_files", "directories"
						}
						f.Fix = fmt.Sprintf("If that is right: %s = [%q]. If it is %s on hosts: %s = [%q].", same, e.Path, other, attribute, e.Path)
						why := "because of its name"
						if e.Guess == spec.Assumed {
							f.Severity, why = Note, "like most such paths"
						}
						r.add(f, "%s is assumed to be a %s, %s", e.Path, e.Type, why)
					}
				}
			}
		},
	},
	{
		ID: "read-only-path", Severity: Error, Milder: []Severity{Warning},
		Finds: "a unit makes a path of the image writable",
		Why:   "The image stays a read-only file system: writes there fail with \"read-only file system\".",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, m := range u.requiredPaths() {
					// Mounts below it may be writable.
					if m.directive != "ReadWritePaths" || m.fresh || img.find(m.path) == nil || u.mountsBelow(m.path) {
						continue
					}
					f := at(m.Assignment)
					if f.Fix = writableFix(m.path); m.optional {
						f.Severity = Warning
					}
					r.add(f, "%s=%s does not make the image's %s writable", m.Name, m.path, m.path)
				}
			}
		},
	},
	{
		ID: "working-directory-read-only", Severity: Warning,
		Finds: "a service works in an empty directory of the image",
		Why:   "The service can neither read nor write anything there: the image is a read-only file system.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, m := range u.requiredPaths() {
					e := img.find(m.path)
					if m.directive != "WorkingDirectory" || m.fresh || m.path == "/" || e == nil || e.Type != spec.Directory || img.hasBelow(e.Path) || u.mountsBelow(m.path) {
						continue
					}
					f := at(m.Assignment)
					f.Fix = writableFix(m.path) + " If it writes nothing: WorkingDirectory=/."
					r.add(f, "WorkingDirectory=%s is empty and read-only", m.path)
				}
			}
		},
	},
}

// directoryFor returns the directive for a directory of a service's own, and its value.
func directoryFor(name string) (directive, below string) {
	for directive, root := range spec.DirectoryRoots {
		below, ok := strings.CutPrefix(path.Clean(name), root+"/")
		if ok && directive != "ConfigurationDirectory" {
			return directive, below
		}
	}
	return "", ""
}

// writableFix describes how to make a path writable for a service.
func writableFix(name string) string {
	if directive, below := directoryFor(name); directive != "" {
		return "Write " + directive + "=" + below + ": the host keeps that directory, and mounts it at " + path.Clean(name) + "."
	}
	return "Have the service write to a directory that the host keeps for it: StateDirectory=NAME is /var/lib/NAME, CacheDirectory=NAME is /var/cache/NAME. " +
		"Or mount one of the host's: BindPaths=/srv/NAME:" + name + "."
}

// hasBelow reports whether the image has a file or symlink below a directory.
func (img *Image) hasBelow(directory string) bool {
	return slices.ContainsFunc(img.spec.Entries, func(e *spec.Entry) bool {
		return e.Type != spec.Directory && within(e.Path, directory)
	})
}

// within reports whether a path is a directory or below it.
func within(name, directory string) bool {
	return name == directory || directory == "/" || strings.HasPrefix(name, directory+"/")
}

// A requiredPath is a path that must exist for a directive to work.
type requiredPath struct {
	Assignment
	// directive is the directive's newest name.
	directive string
	path      string
	optional  bool
	// fresh is true if the path is in a file system that is empty when the service starts.
	fresh bool
	// made is the directive that makes the directory in which the path is missing, at least at the
	// service's first start; or "".
	made string
}

// madeFix describes how to have a path made in a directory that systemd makes.
func (m *requiredPath) madeFix() string {
	if directive, below := directoryFor(m.path); directive == m.made {
		return "Add " + directive + "=" + below + ", which makes that directory too; or write \"-\" before the path to do without it."
	}
	return "Write the path of a directory that exists, or \"-\" before it to do without it."
}

// madeEmpty returns the mount's directive if it makes an empty directory at a service's first start, and
// whether it does so at each start.
func (m *mount) madeEmpty(u *Unit) (directive string, always bool) {
	switch m.Name {
	case "StateDirectory", "CacheDirectory", "LogsDirectory":
		return m.Name, false
	case "RuntimeDirectory":
		return m.Name, u.value("Service", "RuntimeDirectoryPreserve", "no") == "no"
	case "TemporaryFileSystem":
		return m.Name, true
	}
	return "", false
}

// isFresh reports whether a path is in a file system that systemd makes for each start of a service
// (MountAPIVFS=, PrivateTmp=), and so does not exist then.
func isFresh(name string) bool {
	for _, dir := range []string{"/run", "/var/run", "/tmp", "/var/tmp"} {
		first, _, _ := strings.Cut(strings.TrimPrefix(name, dir+"/"), "/")
		if strings.HasPrefix(name, dir+"/") {
			return !slices.Contains([]string{"credentials", "dbus", "host", "systemd", "user"}, first)
		}
	}
	return false
}

// oldNames are directives that systemd 231 renamed and still accepts.
var oldNames = map[string]string{
	"InaccessiblePaths": "InaccessibleDirectories",
	"ReadOnlyPaths":     "ReadOnlyDirectories",
	"ReadWritePaths":    "ReadWriteDirectories",
}

// requiredPaths returns the paths of the image that a service protects or works in. For paths in
// mounts, the host is responsible.
func (u *Unit) requiredPaths() []requiredPath {
	var all []requiredPath
	for _, name := range []string{"ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "ExecPaths", "NoExecPaths", "WorkingDirectory"} {
		for _, a := range u.all("Service", name, oldNames[name]) {
			words := []string{a.Value} // one path, blanks included
			if name != "WorkingDirectory" {
				words, _ = unitfile.Split(a.Value, unitfile.Blanks, unitfile.Unquote)
			} else if last, _ := u.last("Service", name); last != a {
				continue
			}
			for _, word := range words {
				word, optional := strings.CutPrefix(word, "-")
				target, ok := u.expand(strings.TrimPrefix(word, "+"))
				target = path.Clean(target)
				over, mounted := u.over(target)
				fresh, made := over.Name == "" && isFresh(target), ""
				if mounted && over.Name != "" && target != over.path && !u.mountsWithin(target) {
					made, fresh = over.madeEmpty(u)
				}
				if !ok || !path.IsAbs(target) || mounted && !fresh && made == "" {
					continue
				}
				all = append(all, requiredPath{a, name, target, optional, fresh, made})
			}
		}
	}
	return all
}

// inEffect returns a service's assignments, without those that a later empty one resets.
func (u *Unit) inEffect() []Assignment {
	return slices.DeleteFunc(slices.Clone(u.Assignments), func(a Assignment) bool { return !slices.Contains(u.all(a.Section, a.Name), a) })
}
