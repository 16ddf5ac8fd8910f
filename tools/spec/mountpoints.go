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

// An image is read-only, so that whatever the host mounts something over must be
// there. What it mounts for every portable service (PORTABLE_SERVICES.md):
var alwaysMounted = []struct {
	path   string
	kind   Type
	mode   string
	reason string
}{
	{"/dev", Directory, "0755", "API file system"},
	{"/etc/machine-id", File, "0644", "the host's is mounted over it"},
	{"/etc/resolv.conf", File, "0644", "the host's is mounted over it"},
	{"/proc", Directory, "0755", "API file system"},
	{"/run", Directory, "0755", "API file system"},
	{"/sys", Directory, "0755", "API file system"},
	{"/tmp", Directory, "1777", "API file system"},
	{"/var/tmp", Directory, "1777", "API file system"},
}

// stateRoots are where systemd keeps a service's directories (systemd.exec(5)).
// That of RuntimeDirectory= is /run, which is mounted, so that it needs nothing.
var stateRoots = map[string]string{
	"CacheDirectory":         "/var/cache",
	"ConfigurationDirectory": "/etc",
	"LogsDirectory":          "/var/log",
	"StateDirectory":         "/var/lib",
}

// singleFiles are what is known to be a file, where a unit binds it; the unit does
// not say so. What is wrong for a guess can be declared.
var singleFiles = []string{
	"/etc/group", "/etc/gshadow", "/etc/hostname", "/etc/hosts", "/etc/ld.so.cache", "/etc/localtime",
	"/etc/machine-id", "/etc/nsswitch.conf", "/etc/passwd", "/etc/resolv.conf", "/etc/services", "/etc/shadow", "/etc/timezone",
}

// mountPoints returns what the units among entries need to find. The same path may come
// several times, with several reasons.
func (s *Spec) mountPoints(entries []*Entry) ([]*Entry, error) {
	var added []*Entry
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
		}
		added = append(added, points...)
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
	if root, ok := stateRoots[directive]; ok {
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
	// A source that the host has not is no reason for a file.
	if e.anyType = strings.HasPrefix(directive, "Bind"); e.anyType && slices.Contains(singleFiles, path.Clean(source.text)) {
		e.Type, e.Mode = File, "0644"
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
	if !path.IsAbs(p) || path.Clean(p) == "/" {
		return false
	}
	for _, m := range alwaysMounted {
		if m.kind == Directory && strings.HasPrefix(path.Clean(p)+"/", m.path+"/") {
			return false
		}
	}
	return true
}
