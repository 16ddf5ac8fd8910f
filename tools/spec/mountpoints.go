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

// An image is read-only, so that whatever the host mounts something over must be
// there. What it mounts for every portable service (PORTABLE_SERVICES.md):
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

// defaults are what programs take for granted on any host. Whatever is declared at their
// paths, or below them, is there instead.
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

// DirectoryRoots are where systemd keeps a service's directories (systemd.exec(5)), by
// directive.
var DirectoryRoots = map[string]string{
	"CacheDirectory":         "/var/cache",
	"ConfigurationDirectory": "/etc",
	"LogsDirectory":          "/var/log",
	"RuntimeDirectory":       "/run",
	"StateDirectory":         "/var/lib",
}

// mountPoints returns what an image has by itself, and what the units among entries need to
// find. The same path may come several times, with several reasons.
func (s *Spec) mountPoints(entries []*Entry) ([]*Entry, error) {
	added := defaults(entries)
	all := linksOf(slices.Concat(entries, added))
	for _, m := range alwaysMounted {
		added = append(added, &Entry{Path: m.path, Type: m.kind, Mode: m.mode, Origin: m.reason, Added: true})
	}
	for _, u := range entries {
		// Only services are run in the image.
		if u.Type != File || u.Source == "" || path.Ext(u.Path) != ".service" || !s.Header.IsUnitFile(u.Path) || !s.Header.Attaches(path.Base(u.Path)) {
			continue
		}
		text, err := u.UnitText()
		if err != nil {
			return nil, u.Blame(err)
		}
		// What is wrong with the text checkportable tells.
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

// MountPoints returns what a service of this name needs for what is assigned in
// it: an entry for each, of which Origin says why. The unknown ones have specifiers
// in their paths whose values only the host knows.
func MountPoints(service string, lines []unitfile.Assignment) (added, unknown []*Entry) {
	for _, line := range lines {
		if line.Section != "Service" {
			continue
		}
		// What systemd can't split, checkportable tells of.
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

// A field is a part of a word, with its specifiers replaced; known is whether none is
// left that only the host can replace.
type field struct {
	text  string
	known bool
}

// mountPointsFor returns the entries that one tuple of a directive's value asks for.
func mountPointsFor(name, directive string, tuple []string) []*Entry {
	var fields []field
	for _, text := range tuple {
		text, known := unitfile.Expand(name, text)
		fields = append(fields, field{text, known})
	}
	// /run is mounted, so that RuntimeDirectory= needs nothing.
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

// entry is the directory that a field asks for.
func (f field) entry(p string) *Entry {
	return &Entry{Path: p, Type: Directory, Mode: "0755", unknown: !f.known}
}

// stateDirectory is for StateDirectory=NAME[:SYMLINK[:FLAGS]] and its like.
// systemd makes the symlink itself where it can write.
func stateDirectory(root string, fields []field) []*Entry {
	name := fields[0]
	// systemd ignores an absolute path; checkportable tells.
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

// mountable is whether something must be there for a mount: below an API file
// system the host makes it.
func mountable(f field) bool {
	p := f.text
	if !f.known && strings.HasPrefix(p, "%") {
		return true
	}
	return path.IsAbs(p) && path.Clean(p) != "/" && !inAPI(path.Clean(p))
}

// inAPI tells whether a path lies in a file system that is mounted in every image, and in
// which the host makes places itself.
func inAPI(name string) bool {
	return slices.ContainsFunc(alwaysMounted, func(m mounted) bool {
		return m.kind == Directory && strings.HasPrefix(name+"/", m.path+"/")
	})
}
