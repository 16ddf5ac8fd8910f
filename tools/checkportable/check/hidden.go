package check

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

var hiddenChecks = []Check{
	{
		ID: "hidden-by-mount", Severity: Error, Milder: []Severity{Warning, Note},
		Finds: "a mount hides a file of the image",
		Why:   "The service sees the mount, and never the image's own file.",
		run: func(img *Image, r *reporter) {
			services := img.of("service")
			for _, u := range services {
				for _, m := range slices.Concat(u.mountList(img), u.unknownMounts()) {
					hidden := img.hiddenBy(m)
					if len(hidden) == 0 {
						continue
					}
					f := in(hidden[0])
					if m.Name != "" {
						f = at(m.Assignment)
					}
					f.Severity, f.Fix = m.severity(), m.fix()
					elsewhere := slices.ContainsFunc(services, func(other *Unit) bool { return other != u && !other.covers(img, hidden[0].Path) })
					switch {
					case slices.ContainsFunc(hidden, func(e *spec.Entry) bool { return u.namesPath(e.Path, m.path) }):
						f.Severity = Error
					case elsewhere:
						f.Severity = Note
					}
					if m.optional {
						f.Severity = Note
					}
					if m.pattern != nil && (m.pattern.instance == "" || !within(hidden[0].Path, m.pattern.instance)) {
						// The instance may never exist.
						if f.Severity = Warning; m.pattern.vague() {
							f.Severity = Note
						}
					}
					r.add(f, "%s hides %s from %s", m.why(), list(hidden), u.Name)
				}
			}
		},
	},
}

// list names the first of some entries.
func list(entries []*spec.Entry) string {
	text := entries[0].Path
	switch len(entries) {
	case 1:
		return text
	case 2:
		return text + " and " + entries[1].Path
	}
	return fmt.Sprintf("%s and %d more files", text, len(entries)-1)
}

// A mount is a mount over a path of a service's image.
type mount struct {
	// Assignment is the unit's line that causes it; empty for the profile's mounts.
	Assignment
	// profile is the profile's line, without an assignment.
	profile string
	path    string
	// pattern is set for a path that only the host knows, and otherwise nil.
	pattern *pathPattern
	// optional is true if the host may lack the source.
	optional bool
	// host is true if the mount can contain files of the host.
	host bool
}

// mounts are the mounts of a service's own lines.
type mounts struct{ known, unknown []mount }

func (m *mount) why() string {
	switch {
	case m.Name == "":
		return m.profile
	case m.Name == "InaccessiblePaths":
		return m.Name + "=" + m.path
	}
	return m.Name + "= mounts over " + m.path + " and"
}

// severity returns the severity of hiding a file that no unit names.
func (m *mount) severity() Severity {
	switch {
	case m.Name == "InaccessiblePaths":
		return Note
	case m.Name == "", strings.HasPrefix(m.Name, "Bind"), m.Name == "MountImages":
		return Warning
	}
	return Error
}

func (m *mount) fix() string {
	switch {
	case m.Name == "":
		return "Move the file, for example to /usr/share/NAME or /usr/lib/NAME, and let the service read it there."
	case strings.HasPrefix(m.Name, "Bind"):
		return "Leave the file out of the image, or write \"-\" before the source: then the service sees the image's file if the host has none."
	case strings.HasSuffix(m.Name, "Directory"):
		return "Move the file, for example to /usr/share/NAME, and let the service read it there; or remove " + m.Name + "= if the service writes nothing there and the host has no settings for it."
	}
	return "Move the file, or remove the path from " + m.Name + "=."
}

// volatile are file systems that every profile mounts first (MountAPIVFS=, and PrivateTmp= or
// DynamicUser=), and in which the host can make mount points.
var volatile = []string{"/dev", "/proc", "/run", "/sys", "/tmp", "/var/tmp"}

// mountList returns the mounts of a service, from its own lines and its profile.
func (u *Unit) mountList(img *Image) []mount {
	all := slices.DeleteFunc(slices.Clone(u.ownMounts()), func(m mount) bool { return inVolatile(m.path) })
	for _, dir := range volatile {
		all = append(all, mount{path: dir, profile: "the file system that is mounted at " + dir + " for each service", host: true})
	}
	profile := "the profile " + img.profile()
	if home := u.effective(img, "ProtectHome"); home != "read-only" && home != "no" && home != "" {
		for _, dir := range []string{"/home", "/root"} {
			all = append(all, mount{path: dir, profile: "ProtectHome=" + home})
		}
	}
	for _, s := range img.profileSettings() {
		if s.Name == "BindPaths" || s.Name == "BindReadOnlyPaths" {
			source, optional := strings.CutPrefix(s.Value, "-")
			if !inVolatile(source) {
				all = append(all, mount{path: source, optional: optional, profile: profile + " (" + s.Name + "=" + s.Value + ")", host: true})
			}
		}
	}
	return all
}

// ownMounts returns the mounts of a service's own lines with known paths.
func (u *Unit) ownMounts() []mount {
	u.collectMounts()
	return u.mounted.known
}

// unknownMounts returns the mounts of a service's own lines with paths that only the host knows.
func (u *Unit) unknownMounts() []mount {
	u.collectMounts()
	return u.mounted.unknown
}

// collectMounts collects the mounts of a service's own lines, once for all checks.
func (u *Unit) collectMounts() {
	if u.mounted != nil {
		return
	}
	u.mounted = &mounts{}
	add := func(a Assignment, target string, optional, host bool) {
		target, known := u.expand(target)
		if !path.IsAbs(target) {
			return
		}
		m := mount{Assignment: a, path: path.Clean(target), optional: optional, host: host}
		if known {
			u.mounted.known = append(u.mounted.known, m)
			return
		}
		m.pattern = u.pattern(target)
		u.mounted.unknown = append(u.mounted.unknown, m)
	}
	for _, a := range u.inEffect() {
		if a.Section != "Service" {
			continue
		}
		tuples, _ := unitfile.Tuples(a.Name, a.Value)
		for _, tuple := range tuples {
			source, optional := strings.CutPrefix(tuple[0], "-")
			source = strings.TrimPrefix(source, "+")
			root, isDirectory := spec.DirectoryRoots[a.Name]
			switch {
			case isDirectory && !path.IsAbs(source) && source != "":
				add(a, path.Join(root, source), false, true)
			case a.Name == "TemporaryFileSystem":
				add(a, source, false, false)
			case a.Name == "InaccessiblePaths":
				add(a, source, optional, false)
			case a.Name == "MountImages" && len(tuple) > 1:
				add(a, tuple[1], optional, true)
			case (a.Name == "BindPaths" || a.Name == "BindReadOnlyPaths") && len(tuple) > 1 && tuple[1] != "":
				add(a, tuple[1], optional, true)
			case a.Name == "BindPaths" || a.Name == "BindReadOnlyPaths":
				add(a, source, optional, true)
			}
		}
	}
}

// over returns the mount that contains a path, or nil.
func (u *Unit) over(name string) (over mount, ok bool) {
	for _, m := range u.ownMounts() {
		if m.Name != "InaccessiblePaths" && within(name, m.path) && len(m.path) >= len(over.path) {
			over, ok = m, true
		}
	}
	if !ok && inVolatile(name) {
		return mount{path: name, host: true}, true
	}
	return over, ok
}

// mounts reports whether a mount contains a path.
func (u *Unit) mounts(name string) bool {
	_, ok := u.over(name)
	return ok
}

// fromHost reports whether a path is in a mount that can contain files of the host.
func (u *Unit) fromHost(name string) bool {
	over, _ := u.over(name)
	return over.host
}

// mountsBelow reports whether a service has a writable mount below a path.
func (u *Unit) mountsBelow(name string) bool {
	return slices.ContainsFunc(u.ownMounts(), func(m mount) bool {
		return within(m.path, name) && m.Name != "BindReadOnlyPaths" && m.Name != "InaccessiblePaths"
	})
}

// mountsWithin reports whether a service of the image has a mount at or below a path, for which systemd
// makes the directories before it.
func (u *Unit) mountsWithin(name string) bool {
	return slices.ContainsFunc(u.image.of("service"), func(other *Unit) bool {
		return slices.ContainsFunc(other.ownMounts(), func(m mount) bool { return within(m.path, name) })
	})
}

func inVolatile(name string) bool {
	return within(name, "/var/run") || slices.ContainsFunc(volatile, func(dir string) bool { return within(name, dir) })
}

// covers reports whether a service can't see a file of the image.
func (u *Unit) covers(img *Image, name string) bool {
	return slices.ContainsFunc(u.mountList(img), func(m mount) bool { return within(name, m.path) })
}

// hiddenBy returns the image's files that a mount hides, except empty ones, which are mount points.
func (img *Image) hiddenBy(m mount) []*spec.Entry {
	var all []*spec.Entry
	mounted := img.spec.Resolve(m.path)
	for _, e := range img.spec.Entries {
		hides := within(e.Path, mounted)
		if m.pattern != nil {
			_, isDirectory := spec.DirectoryRoots[m.Name]
			hides = m.pattern.covers(path.Dir(e.Path)) || !isDirectory && m.pattern.fits(e.Path)
		}
		if !e.Added && hides && (e.Type == spec.Symlink && e.Path != m.path || e.Type == spec.File && hasContent(e)) {
			all = append(all, e)
		}
	}
	return all
}

// hasContent reports whether a file has a byte.
func hasContent(e *spec.Entry) bool {
	info, err := os.Stat(e.Source)
	return e.Source != "" && err == nil && info.Size() > 0
}

// namesPath reports whether a service's command lines or variables name a file in a mount, or one of
// its directories.
func (u *Unit) namesPath(name, mounted string) bool {
	return slices.ContainsFunc(u.words(), func(word string) bool {
		return path.IsAbs(word) && within(name, path.Clean(word)) && within(path.Clean(word), mounted)
	})
}

// words returns the paths and the values of options in a service's command lines and variables.
func (u *Unit) words() []string {
	var all []string
	add := func(text string) {
		text, _ = u.expand(text)
		all = append(all, strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("=:,;\"' ", r) })...)
	}
	for _, a := range u.inEffect() {
		switch {
		case a.Section != "Service":
		case strings.HasPrefix(a.Name, "Exec"):
			for _, c := range u.commands(a) {
				for _, text := range append([]string{c.path}, c.args...) {
					add(text)
				}
			}
		case a.Name == "Environment", a.Name == "WorkingDirectory":
			add(a.Value)
		}
	}
	return all
}
