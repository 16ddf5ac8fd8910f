package image

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
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

// mountPoints returns what units need to find, sorted by path. The same path may
// come several times, with several reasons.
func mountPoints(units []*Entry) ([]*Entry, error) {
	var added []*Entry
	for _, m := range alwaysMounted {
		added = append(added, &Entry{Path: m.path, Type: m.kind, Mode: m.mode, Origin: m.reason, Added: true})
	}
	for _, u := range units {
		// Only services are run in the image.
		if path.Ext(u.Path) != ".service" || u.Source == "" {
			continue
		}
		text, err := u.content()
		if err != nil {
			return nil, u.blame(err)
		}
		added = append(added, mountPointsOf(path.Base(u.Path), text)...)
	}
	slices.SortStableFunc(added, func(a, b *Entry) int { return comparePaths(a.Path, b.Path) })
	return added, nil
}

// mountPointsOf returns what a service with this name needs. Of a unit that can't
// be read it returns what comes before the mistake; checkportable tells that.
func mountPointsOf(name string, text []byte) (added []*Entry) {
	sections, _ := unit.DeserializeSections(bytes.NewReader(text))
	for _, section := range sections {
		if section.Section != "Service" {
			continue
		}
		for _, option := range section.Entries {
			for _, word := range words(option.Value) {
				points := mountPointsFor(name, option.Name, word)
				for _, e := range points {
					e.Origin, e.Added = fmt.Sprintf("%s=%s in %s", option.Name, word, name), true
				}
				added = append(added, points...)
			}
		}
	}
	return added
}

// mountPointsFor returns the entries that one word of a directive asks for.
func mountPointsFor(name, directive, word string) []*Entry {
	directory := func(p string) *Entry { return &Entry{Path: p, Type: Directory, Mode: "0755"} }
	fields := strings.Split(word, ":")
	for i, field := range fields {
		expanded, ok := expand(name, field)
		if !ok {
			// What only the host can tell.
			return nil
		}
		fields[i] = expanded
	}
	if root, ok := stateRoots[directive]; ok {
		return stateDirectory(root, fields)
	}
	source := strings.TrimLeft(fields[0], "-+")
	target := source
	switch directive {
	case "BindPaths", "BindReadOnlyPaths":
		if len(fields) > 1 && fields[1] != "" {
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
	e := directory(path.Clean(target))
	// A source that the host has not is no reason for a file.
	if e.anyType = strings.HasPrefix(directive, "Bind"); e.anyType && slices.Contains(singleFiles, path.Clean(source)) {
		e.Type, e.Mode = File, "0644"
	}
	return []*Entry{e}
}

// stateDirectory is for StateDirectory=NAME[:SYMLINK[:FLAGS]] and its like.
// systemd makes the symlink itself where it can write.
func stateDirectory(root string, fields []string) []*Entry {
	if fields[0] == "" || path.Clean("/"+fields[0]) == "/" {
		return nil
	}
	p := path.Join(root, fields[0])
	if !strings.HasPrefix(p, root+"/") {
		return nil
	}
	entries := []*Entry{{Path: p, Type: Directory, Mode: "0755"}}
	if len(fields) > 1 && fields[1] != "" {
		link := path.Join(root, fields[1])
		target, err := filepath.Rel(path.Dir(link), p)
		if err == nil && strings.HasPrefix(link, root+"/") {
			entries = append(entries, &Entry{Path: link, Type: Symlink, Target: target})
		}
	}
	return entries
}

// mountable is whether something must be there for a mount: below an API file
// system the host makes it.
func mountable(p string) bool {
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

// expand replaces the specifiers that mean the same on every host (systemd.unit(5),
// "Specifiers"). Others are no success.
func expand(name, text string) (expanded string, ok bool) {
	if !strings.Contains(text, "%") {
		return text, true
	}
	stem := strings.TrimSuffix(name, path.Ext(name))
	prefix, _, _ := strings.Cut(stem, "@")
	values := map[byte]string{
		'%': "%", 'n': name, 'N': stem, 'p': prefix, 'P': prefix, 'j': prefix[strings.LastIndex(prefix, "-")+1:],
		'C': "/var/cache", 'E': "/etc", 'L': "/var/log", 'S': "/var/lib", 't': "/run", 'T': "/tmp", 'V': "/var/tmp",
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if i == len(text) {
			return "", false
		}
		value, known := values[text[i]]
		if !known || strings.Contains("nN", text[i:i+1]) && strings.Contains(stem, "@") {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), true
}

// words splits a directive's value as systemd does: at white space, but not
// between quotes or after a backslash (systemd.syntax(7)).
func words(value string) []string {
	// The parser leaves a continued line's end in.
	value = strings.NewReplacer("\\\n", " ", "\\\r\n", " ").Replace(value)
	var all []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	escaped := false
	for _, r := range value {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inWord = r, true
		case quote == 0 && strings.ContainsRune(" \t\n\r", r):
			if inWord {
				all = append(all, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		all = append(all, word.String())
	}
	return all
}

// maxUnit bounds units, which are held in memory; systemd takes no larger ones.
const maxUnit = 1 << 20

// content returns a file with its drop-ins.
func (e *Entry) content() ([]byte, error) {
	var all []byte
	for i, source := range append([]string{e.Source}, e.Dropins...) {
		text, err := readUnit(source)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			if !bytes.HasPrefix(firstLine(text), []byte("[")) {
				return nil, fmt.Errorf("drop-in %q does not start with a section, as in \"[Service]\"", source)
			}
			all = fmt.Appendf(all, "\n# %s.d/%s\n", path.Base(e.Path), path.Base(source))
		}
		all = append(all, text...)
		if len(all) > 0 && all[len(all)-1] != '\n' && len(e.Dropins) > 0 {
			all = append(all, '\n')
		}
	}
	return all, nil
}

func readUnit(source string) ([]byte, error) {
	file, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxUnit+1))
	if err == nil && len(text) > maxUnit {
		err = fmt.Errorf("%q is larger than %d bytes, which no unit is", source, maxUnit)
	}
	return text, err
}

// firstLine returns the first line that is neither empty nor a comment.
func firstLine(text []byte) []byte {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != ';' {
			return line
		}
	}
	return nil
}
