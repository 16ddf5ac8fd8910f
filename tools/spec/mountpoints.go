package spec

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"example.org/portable-walkthrough-go/tools/unitfile"
)

type mounted struct {
	path   string
	kind   Type
	mode   string
	reason string
}

// An image is read-only, so it must contain every mount point. The host mounts these for every
// portable service (PORTABLE_SERVICES.md):
var alwaysMounted = []mounted{
	{"/dev", Directory, "0755", "API file system"},
	{"/etc/machine-id", File, "0644", "the host's is mounted over it"},
	{"/etc/resolv.conf", File, "0644", "the host's is mounted over it"},
	{"/proc", Directory, "0755", "API file system"},
	{"/run", Directory, "0755", "API file system"},
	{"/sys", Directory, "0755", "API file system"},
	{"/tmp", Directory, "1777", "API file system"},
	{"/var/tmp", Directory, "1777", "API file system"},
}

// defaults are entries that programs expect on any host. Declarations at or below their paths
// replace them.
func defaults(declared []*Entry) []*Entry {
	all := []*Entry{
		{Path: "/etc/hosts", Type: File, Mode: "0644", Content: "127.0.0.1 localhost\n::1 localhost\n",
			Origin: "without it \"localhost\" is asked of a name server"},
		{Path: "/var/run", Type: Symlink, Target: "../run", Origin: "programs look for sockets by this path too"},
	}
	return slices.DeleteFunc(all, func(e *Entry) bool {
		e.Added = true
		return slices.ContainsFunc(declared, func(d *Entry) bool { return d.Type != Attributes && (d.Path == e.Path || d.isBelow(e.Path)) })
	})
}

// DirectoryRoots are the parents of a service's directories (systemd.exec(5)), by directive.
var DirectoryRoots = map[string]string{
	"CacheDirectory":         "/var/cache",
	"ConfigurationDirectory": "/etc",
	"LogsDirectory":          "/var/log",
	"RuntimeDirectory":       "/run",
	"StateDirectory":         "/var/lib",
}

// mountPoints returns the entries that every image gets, and the mount points that the units among
// entries need. One path may occur several times, with several reasons.
func (s *Spec) mountPoints(entries []*Entry) ([]*Entry, error) {
	added := defaults(entries)
	all := linksOf(slices.Concat(entries, added))
	for _, m := range alwaysMounted {
		added = append(added, &Entry{Path: m.path, Type: m.kind, Mode: m.mode, Origin: m.reason, Added: true})
	}
	for _, u := range entries {
		// Only services run in the image.
		if u.Type != File || u.Source == "" || path.Ext(u.Path) != ".service" || !s.Header.IsUnitFile(u.Path) || !s.Header.Attaches(path.Base(u.Path)) {
			continue
		}
		text, err := u.UnitText()
		if err != nil {
			return nil, u.Blame(err)
		}
		// checkportable reports errors in the text.
		points, _ := MountPoints(path.Base(u.Path), unitfile.Parse(text).Assignments)
		for _, e := range points {
			if err := e.check(); err != nil {
				return nil, u.Blame(fmt.Errorf("%s: %w", e.Origin, err))
			}
			// systemd follows the image's symlinks.
			if e.Type != Symlink {
				e.Path = all.resolve(e.Path)
			}
			if e.Path != "/" && !inAPI(e.Path) {
				added = append(added, e)
			}
		}
	}
	return added, nil
}

// MountPoints returns the mount points that a service of this name needs for its assignments. Each
// entry's Origin is the reason. The paths of unknown entries have specifiers whose values only the
// host knows.
func MountPoints(service string, lines []unitfile.Assignment) (added, unknown []*Entry) {
	for _, line := range lines {
		if line.Section != "Service" {
			continue
		}
		// checkportable reports values that systemd can't split.
		tuples, _ := unitfile.Tuples(line.Name, line.Value)
		for _, tuple := range tuples {
			points := mountPointsFor(service, line.Name, tuple)
			word := strings.Join(tuple, ":")
			if unprintable(word) {
				word = strconv.Quote(word)
			}
			for _, e := range points {
				e.Origin, e.Added = fmt.Sprintf("%s=%s in %s", line.Name, word, service), true
				if e.unknown {
					unknown = append(unknown, e)
				} else {
					added = append(added, e)
				}
			}
		}
	}
	return added, unknown
}

// A field is a part of a word, with its specifiers replaced. known is false if it still has a
// specifier that only the host can replace.
type field struct {
	text  string
	known bool
}

// mountPointsFor returns the entries that one tuple of a directive's value requires.
func mountPointsFor(name, directive string, tuple []string) []*Entry {
	var fields []field
	for _, text := range tuple {
		text, known := unitfile.Expand(name, text)
		fields = append(fields, field{text, known})
	}
	// /run is always mounted, so RuntimeDirectory= needs no entry.
	if root, ok := DirectoryRoots[directive]; ok && directive != "RuntimeDirectory" {
		return stateDirectory(root, fields)
	}
	source := fields[0]
	source.text = strings.TrimLeft(source.text, "-+")
	target := source
	switch directive {
	case "BindPaths", "BindReadOnlyPaths":
		if len(fields) > 1 && fields[1].text != "" {
			target = fields[1]
		}
	case "MountImages":
		if len(fields) < 2 {
			return nil
		}
		target = fields[1]
	case "TemporaryFileSystem":
	default:
		return nil
	}
	if !mountable(target) {
		return nil
	}
	e := target.entry(path.Clean(target.text))
	if e.anyType = strings.HasPrefix(directive, "Bind"); e.anyType {
		if e.Type, e.Guess = boundKind(source.text, e.Path); e.Type == File {
			e.Mode = "0644"
		}
	}
	return []*Entry{e}
}

// entry returns the directory that a field requires.
func (f field) entry(p string) *Entry {
	return &Entry{Path: p, Type: Directory, Mode: "0755", unknown: !f.known}
}

// stateDirectory handles StateDirectory=NAME[:SYMLINK[:FLAGS]] and similar directives. systemd
// makes the symlink itself where it can write.
func stateDirectory(root string, fields []field) []*Entry {
	name := fields[0]
	// systemd ignores an absolute path, and checkportable reports it.
	if name.text == "" || path.Clean("/"+name.text) == "/" || path.IsAbs(name.text) {
		return nil
	}
	p := path.Join(root, name.text)
	if !strings.HasPrefix(p, root+"/") {
		return nil
	}
	entries := []*Entry{name.entry(p)}
	if len(fields) > 1 && fields[1].text != "" {
		link := path.Join(root, fields[1].text)
		target, err := filepath.Rel(path.Dir(link), p)
		if err == nil && strings.HasPrefix(link, root+"/") {
			entries = append(entries, &Entry{Path: link, Type: Symlink, Target: target, unknown: !name.known || !fields[1].known})
		}
	}
	return entries
}

// mountable reports whether the image needs a mount point. Below an API file system the host makes
// it.
func mountable(f field) bool {
	p := f.text
	if !f.known && strings.HasPrefix(p, "%") {
		return true
	}
	return path.IsAbs(p) && path.Clean(p) != "/" && !inAPI(path.Clean(p))
}

// inAPI reports whether a path is in a file system that is mounted in every image, where the host
// makes mount points itself.
func inAPI(name string) bool {
	return slices.ContainsFunc(alwaysMounted, func(m mounted) bool {
		return m.kind == Directory && strings.HasPrefix(name+"/", m.path+"/")
	})
}
