package check

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// A pathPattern is a path with specifiers whose values only the host knows, such as a
// template's %i.
type pathPattern struct {
	text    string
	pattern *regexp.Regexp
	// instance is the path for the template's DefaultInstance=, "" if there is none.
	instance string
}

var specifier = regexp.MustCompile("%[a-zA-Z]")

// pattern returns the pattern for a path of a unit's line. It expands the specifiers that the
// build knows.
func (u *Unit) pattern(name string) *pathPattern {
	p := &pathPattern{text: path.Clean(name)}
	parts := specifier.Split(p.text, -1)
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	p.pattern = regexp.MustCompile("^" + strings.Join(parts, ".+") + "$")
	if a, ok := u.last("Install", "DefaultInstance"); ok && isTemplate(u.Name) {
		instance := strings.Replace(u.Name, "@", "@"+a.Value, 1)
		if name, ok := unitfile.Expand(instance, name); ok {
			p.instance = path.Clean(name)
		}
	}
	return p
}

// vague reports whether nearly every path matches: the part that only the host knows is a
// whole name in a directory that services share.
func (p *pathPattern) vague() bool {
	at := specifier.FindStringIndex(p.text)
	return at != nil && strings.HasSuffix(p.text[:at[0]], "/") && slices.Contains(everywhere, path.Clean(p.text[:at[0]]))
}

// fits reports whether a path can be this one.
func (p *pathPattern) fits(name string) bool { return p.pattern.MatchString(name) }

// covers reports whether a path can be this one, or lie below it.
func (p *pathPattern) covers(name string) bool {
	for ; name != "/" && name != "."; name = path.Dir(name) {
		if p.fits(name) {
			return true
		}
	}
	return false
}

// hasLike reports whether the image has a path that fits.
func (img *Image) hasLike(p *pathPattern) bool {
	return slices.ContainsFunc(img.spec.Entries, func(e *spec.Entry) bool { return p.fits(e.Path) })
}
