package spec

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Type is the type of an entry.
type Type string

// The types of an [Entry].
const (
	Directory Type = "directory"
	File      Type = "file"
	Symlink   Type = "symlink"
	// Tree is the directory Source with all its files, at any depth. They get the tree's mode and
	// owner. Symlinks stay symlinks.
	Tree Type = "tree"
	// Attributes override the mode, the owner or both of a path that another entry declares.
	Attributes Type = "attributes"
)

// Entry is one path of the image. Parents that no entry declares are directories
// with mode 0755, owned by root.
type Entry struct {
	// Path is absolute and clean: no "..", ".", "//" or trailing slash.
	Path string `json:"path"`
	Type Type   `json:"type"`
	// Mode is octal, "0755"; empty for a symlink.
	Mode string `json:"mode"`
	// Owner is "UID:GID", in decimal. Empty for root's, "0:0".
	Owner string `json:"owner"`
	// Source is the path of a file's content; without it, the file is empty. A symlink's source
	// is another symlink, whose target it gets.
	Source string `json:"source"`
	// Target is a symlink's target: relative, and inside the image.
	Target string `json:"target"`
	// Dropins are a unit's drop-ins, which are appended to Source in this order.
	// systemd-portabled reads only units from an image, so a drop-in file would have no effect.
	// Appended to the unit, it has the same effect as a drop-in.
	Dropins []string `json:"dropins"`
	// Origin is the label or attribute that declared the entry, for errors.
	Origin string `json:"origin"`

	// Added is true if no declaration names the path: it is a mount point, a directory of a
	// tree, or a parent. Origin is the reason.
	Added bool `json:"-"`
	// Content is the content of an added file without a source.
	Content string `json:"-"`
	// Guess says how certain the type of a mount point is.
	Guess Guess `json:"-"`
	// declared is the path of a tree's file below the tree's source in the spec.
	declared string
	// anyType is true if a declared entry of another type may replace it.
	anyType bool
	// unknown is true if only the host knows the value of Path.
	unknown bool
}

// nameMax is the longest file name that squashfs stores, in bytes.
const nameMax = 256

// check returns an error if the entry by itself is invalid.
func (e *Entry) check() error {
	if err := checkPath(e.Path); err != nil && (e.Type != Tree || e.Path != "/") {
		return err
	}
	if err := e.checkFields(); err != nil {
		return fmt.Errorf("%q: %w", e.Path, err)
	}
	return nil
}

func (e *Entry) checkFields() error {
	// The allowed fields, and whether a mode is required.
	var source, target, dropins, mode bool
	switch e.Type {
	case Directory:
		mode = true
	case File:
		source, dropins, mode = true, true, true
	case Symlink:
		target = true
		if e.Mode != "" {
			return fmt.Errorf("a symlink has no mode of its own; leave it out")
		}
		if err := checkTarget(e.Path, e.Target); err != nil {
			return err
		}
	case Tree:
		source, mode = true, true
		if e.Source == "" {
			return fmt.Errorf("a tree needs a source")
		}
	case Attributes:
		mode = e.Mode != ""
		if !mode && e.Owner == "" {
			return fmt.Errorf("neither mode nor owner")
		}
	default:
		return fmt.Errorf("type %q is not supported; it must be directory, file, symlink, tree or attributes", e.Type)
	}
	if !source && e.Source != "" || !target && e.Target != "" || !dropins && len(e.Dropins) > 0 {
		return fmt.Errorf("the spec gives a %s a field that it can't have", e.Type)
	}
	if mode {
		if _, err := e.Permissions(); err != nil {
			return err
		}
	}
	_, _, err := e.Owners()
	return err
}

// Blame adds the entry's origin to an error; nil stays nil.
func (e *Entry) Blame(err error) error {
	if err == nil || e.Origin == "" {
		return err
	}
	return fmt.Errorf("%w (from %s)", err, e.Origin)
}

// DeclaredBy returns the entry's origin, for messages.
func (e *Entry) DeclaredBy() string {
	if e.Origin == "" {
		return "the spec"
	}
	return e.Origin
}

// DeclaredSource returns the entry's source as the spec names it, which is the same on every
// machine. Source may instead be the path from which a sandbox stages a tree's file.
func (e *Entry) DeclaredSource() string {
	if e.declared != "" {
		return e.declared
	}
	return e.Source
}

// isBelow reports whether the path lies below a directory, at any depth.
func (e *Entry) isBelow(directory string) bool {
	return len(e.Path) > len(directory) && e.Path[len(directory)] == '/' && strings.HasPrefix(e.Path, directory)
}

// Permissions returns the entry's mode as a number.
func (e *Entry) Permissions() (int64, error) {
	mode, err := strconv.ParseUint(e.Mode, 8, 12)
	if err != nil || len(e.Mode) != 4 {
		return 0, fmt.Errorf("mode %q is not of the form \"0755\"; write four octal digits", e.Mode)
	}
	return int64(mode), nil
}

// Owners returns the entry's owner as numbers.
func (e *Entry) Owners() (uid, gid int, err error) {
	if e.Owner == "" {
		return 0, 0, nil
	}
	user, group, both := strings.Cut(e.Owner, ":")
	u, userErr := strconv.ParseUint(user, 10, 32)
	g, groupErr := strconv.ParseUint(group, 10, 32)
	if !both || userErr != nil || groupErr != nil || u == math.MaxUint32 || g == math.MaxUint32 {
		return 0, 0, fmt.Errorf("owner %q is not of the form \"UID:GID\"; write two numbers below %d, because an image stores no names", e.Owner, uint32(math.MaxUint32))
	}
	return int(u), int(g), nil
}

func checkPath(p string) error {
	switch {
	case !path.IsAbs(p):
		return fmt.Errorf("%q: not an absolute path; write it from the image's root, as in \"/etc/app.conf\"", p)
	case p == "/":
		return fmt.Errorf("%q: the root directory is always added, with mode 0755; leave it out", p)
	case path.Clean(p) != p:
		return fmt.Errorf("%q: not a clean path (no \"..\", \".\", \"//\" and no slash at its end); did you mean %q?", p, path.Clean(p))
	case unprintable(p):
		return fmt.Errorf("%q: the path has control characters or invalid UTF-8; rename it", p)
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > nameMax {
			return fmt.Errorf("%q: a file name is longer than squashfs's %d bytes; shorten it", p, nameMax)
		}
	}
	return nil
}

// unprintable matches characters that would break a column or line of a manifest.
func unprintable(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
}

// checkTarget verifies that a symlink stays inside the image, even if the image is not the root
// directory but mounted or unpacked somewhere. The parents of a symlink are directories, so ".."
// at the start of its target is safe. After a name, which may be another symlink's, it could lead
// anywhere.
func checkTarget(p, target string) error {
	if target == "" {
		return fmt.Errorf("a symlink needs a target")
	}
	if path.IsAbs(target) {
		return fmt.Errorf("symlink target %q is absolute, so it leads out of a mounted image; write it relative to %q", target, path.Dir(p))
	}
	if unprintable(target) {
		return fmt.Errorf("symlink target %q: the path has control characters or invalid UTF-8; rename it", target)
	}
	depth, named := strings.Count(p, "/")-1, false
	for name := range strings.SplitSeq(target, "/") {
		switch {
		case name == "" || name == ".":
		case name != "..":
			named = true
		case named:
			return fmt.Errorf("symlink target %q has \"..\" after a name, which may be a symlink out of the image; did you mean %q?", target, path.Clean(target))
		default:
			if depth--; depth < 0 {
				return fmt.Errorf("symlink target %q leads out of the image; name a path in the image, or let a unit bind the host's path with BindReadOnlyPaths=", target)
			}
		}
	}
	return nil
}
