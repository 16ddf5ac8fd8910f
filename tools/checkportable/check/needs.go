package check

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// needsChecks find things that programs expect of a host and that an image lacks: a home directory,
// users, a directory for data. The texts in a program and its configuration are only hints, so these
// are warnings.
var needsChecks = []Check{
	{
		ID: "home-unset", Severity: Warning,
		Finds: "a program uses its user's directories, but the service has no $HOME",
		Why:   "systemd sets $HOME for users that the host has, but not with DynamicUser= and not for root. A program that depends on it exits at once.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				// As Go's os.UserConfigDir and os.UserCacheDir do, which fail without a home.
				if img.hasHome(u) || !img.programHolds(u, "XDG_CONFIG_HOME") && !img.programHolds(u, "XDG_CACHE_HOME") {
					continue
				}
				f := at(u.starts()[0].Assignment)
				f.Fix = fmt.Sprintf("Give it a home: StateDirectory=%s and Environment=HOME=/var/lib/%[1]s. If it needs none, set Environment=HOME=/.", u.prefix())
				r.add(f, "%s looks for its user's files, but the unit does not set $HOME", u.starts()[0].path)
			}
		},
	},
	{
		ID: "users-missing", Severity: Warning,
		Finds: "a program looks up users or groups, but the image has none",
		Why:   "The C library reads the image's /etc/passwd and /etc/group: a program that does not find a user there often exits at once.",
		Fix: "Pack files with the names in the program's configuration, as in files = {\"/etc/passwd\": \"passwd\", \"/etc/group\": \"group\"}; " +
			"or see the host's, with BindReadOnlyPaths=/etc/passwd /etc/group.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, file := range []struct{ path, function string }{{"/etc/passwd", "getpwnam"}, {"/etc/group", "getgrnam"}} {
					if img.find(file.path) == nil && !u.mounts(file.path) && img.imports(u, file.function) {
						start := u.starts()[0]
						r.add(at(start.Assignment), "%s calls %s, but %s is not in the image", start.path, file.function, file.path)
					}
				}
			}
		},
	},
	{
		ID: "locale-missing", Severity: Note,
		Finds: "a program sets a locale, but the image has none",
		Why:   "The service inherits the host's LANG=, but the image does not have that locale. Most programs continue without it; some exit.",
		Fix:   "Set Environment=LC_ALL=C, which needs no files; or pack the locale, as in /usr/lib/locale/C.utf8.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				if img.imports(u, "setlocale") && !u.sets("LC_ALL", "LANG") && !img.holdsData("/usr/lib/locale") {
					r.add(at(u.starts()[0].Assignment), "%s calls setlocale, but the image has no locale", u.starts()[0].path)
				}
			}
		},
	},
	{
		ID: "data-path-read-only", Severity: Warning,
		Finds: "a service uses a data directory that it can't write to",
		Why:   "The image is read-only, and the service's user owns nothing in it: writes there fail, often when the program starts.",
		run: func(img *Image, r *reporter) {
			seen := map[string]bool{}
			for _, u := range img.of("service") {
				for _, d := range img.dataPaths(u) {
					dir, directive := d.directory()
					if u.writes(d.path) || seen[dir] || img.holdsData(d.path) {
						continue
					}
					seen[dir] = true
					f := d.where
					f.Fix = fmt.Sprintf("Add %s=%s to the [Service] of %s; systemd creates the directory for the service.", directive, path.Base(dir), u.Name)
					if directive != "" && d.path == dir && path.Ext(dir) != "" && path.Ext(dir) != ".d" {
						// A file, and the host makes directories only.
						own := path.Join(path.Dir(dir), u.prefix())
						f.Fix = fmt.Sprintf("Name a file in a directory of the service's own, as in %s, and add %s=%s to the [Service] of %s.",
							path.Join(own, path.Base(dir)), directive, u.prefix(), u.Name)
					}
					if directive == "" {
						f.Fix = fmt.Sprintf("Name a directory below /var/lib instead, and add StateDirectory= for it; or bind a directory of the host with BindPaths=%s.", dir)
					}
					r.add(f, "%s names %s, to which %s can't write", d.by, d.path, u.Name)
				}
			}
		},
	},
}

// hasHome reports whether a service may find $HOME set.
func (img *Image) hasHome(u *Unit) bool {
	if img.Options.Profile == "trusted" {
		if _, ok := u.last("Service", "User"); ok && !u.isTrue("Service", "DynamicUser") {
			return true
		}
	}
	if len(u.all("Service", "EnvironmentFile")) > 0 || u.isTrue("Service", "SetLoginEnvironment") {
		return true
	}
	return u.sets("HOME")
}

// sets reports whether a service's unit gives it one of some environment variables.
func (u *Unit) sets(variables ...string) bool {
	return slices.ContainsFunc(u.variables(), func(word string) bool {
		name, _, _ := strings.Cut(word, "=")
		return slices.Contains(variables, name)
	})
}

// variables returns a service's NAME=VALUE of Environment= and names of PassEnvironment=.
func (u *Unit) variables() []string {
	var all []string
	for _, a := range u.all("Service", "Environment", "PassEnvironment") {
		words, _ := unitfile.Split(a.Value, unitfile.Blanks, unitfile.Unquote)
		all = append(all, words...)
	}
	return all
}

// imports reports whether the program of a service calls a function of a shared library: an ELF file
// contains the names of such functions as separate texts.
func (img *Image) imports(u *Unit, function string) bool {
	b := img.binary(u)
	return b != nil && len(b.elf.needed) > 0 && b.holds("\x00"+function+"\x00")
}

// A dataPath is a path below one of a host's directories for changing data.
type dataPath struct {
	path  string
	by    string // what names it
	where Finding
}

// directory returns the directory that the service would need, such as /var/lib/foo, and the
// directive for it, if there is one.
func (d dataPath) directory() (dir, directive string) {
	below := func(root string) bool {
		rest, ok := strings.CutPrefix(d.path, root+"/")
		name, _, _ := strings.Cut(rest, "/")
		dir = root + "/" + name
		return ok
	}
	for directive, root := range spec.DirectoryRoots {
		if below(root) {
			return dir, directive
		}
	}
	if below("/var/spool") {
		return dir, ""
	}
	return path.Dir(d.path), ""
}

// hostPaths are paths in those directories that do not belong to a service.
var hostPaths = regexp.MustCompile(`^/run/(credentials|dbus|host|lock|secrets|systemd|udev|user)(/|$)`)

// dataPathPattern matches such paths with a subdirectory.
var dataPathPattern = regexp.MustCompile(`(?:^|[\s"'=:,(<])((?:/var/(?:lib|log|cache|spool|run)|/run)/[A-Za-z0-9@._-]+(?:/[A-Za-z0-9@._/-]*)?)`)

// dataPaths returns the data paths in a unit's environment and command line, and in the configuration
// files that these name.
func (img *Image) dataPaths(u *Unit) []dataPath {
	var all []dataPath
	add := func(text, by string, where Finding) {
		for _, match := range dataPathPattern.FindAllStringSubmatch(text, -1) {
			name := path.Clean(match[1])
			if rest, ok := strings.CutPrefix(name, "/var/run/"); ok {
				name = "/run/" + rest
			}
			// A file directly in /run does not belong to a service either.
			if !hostPaths.MatchString(name) {
				all = append(all, dataPath{name, by, where})
			}
		}
	}
	var configurations []string
	for _, a := range u.all("Service", "Environment") {
		if text, ok := u.expand(a.Value); ok {
			add(text, "Environment=", at(a))
			configurations = append(configurations, text)
		} else {
			add(a.Value, "Environment=", at(a))
		}
	}
	for _, c := range u.starts() {
		text := strings.Join(c.args, " ")
		add(text, "ExecStart=", at(c.Assignment))
		configurations = append(configurations, text)
	}
	for _, e := range img.spec.Entries {
		if e.Type != spec.File || !strings.HasPrefix(e.Path, "/etc/") || !img.configures(u, e, configurations) {
			continue
		}
		text, err := content(e)
		if err != nil || len(text) > maxConfiguration || bytes.IndexByte(text, 0) >= 0 {
			continue
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") || strings.HasPrefix(line, "//") {
				continue
			}
			where := in(e)
			where.Line = number
			add(line, e.Path, where)
		}
	}
	return all
}

// maxConfiguration is the largest size of a configuration file in bytes.
const maxConfiguration = 1 << 20

// configures reports whether a file of /etc belongs to a service: its command line or environment
// names the file, or the directory has the name of the program or the service.
func (img *Image) configures(u *Unit, e *spec.Entry, named []string) bool {
	if slices.ContainsFunc(named, func(text string) bool { return strings.Contains(text, e.Path) }) {
		return true
	}
	names := []string{u.prefix()}
	for _, c := range u.starts() {
		names = append(names, path.Base(c.path))
	}
	first, _, _ := strings.Cut(strings.TrimPrefix(e.Path, "/etc/"), "/")
	return slices.Contains(names, first) || slices.Contains(names, strings.TrimSuffix(first, path.Ext(first)))
}

// writes reports whether a service can write to a path: systemd makes or mounts its directory. In
// /run, only RuntimeDirectory= belongs to the service; the rest belongs to root.
func (u *Unit) writes(name string) bool {
	return slices.ContainsFunc(u.ownMounts(), func(m mount) bool {
		_, isDirectory := spec.DirectoryRoots[m.Name]
		return within(name, m.path) && (isDirectory || m.Name == "BindPaths" || m.Name == "TemporaryFileSystem")
	})
}

// holdsData reports whether the image itself contains a path as read-only data.
func (img *Image) holdsData(name string) bool {
	e := img.find(name)
	if e == nil {
		return false
	}
	if e.Type != spec.Directory {
		return true
	}
	return slices.ContainsFunc(img.spec.Entries, func(other *spec.Entry) bool {
		return other.Type != spec.Directory && strings.HasPrefix(other.Path, e.Path+"/")
	})
}
