// Package image turns a spec into a portable service image.
//
// A spec is a file of JSON objects, one a line: first a [Header], then an
// [Entry] for each path, in any order. Unknown fields are errors.
//
// What the image holds is that, and what [Spec.Entries] adds: all that lies in a
// [Tree], and the mount points that the units need (see mountPoints).
package image

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Header is a spec's first line: what is made, and how.
type Header struct {
	// Label is the Bazel target to name in errors.
	Label string `json:"label"`
	// Name is the portable name, which portablectl(1) takes from the file's name.
	Name string `json:"name"`
	// Version is the image's: NAME_VERSION.raw. Empty for none.
	Version string `json:"version"`
	// Prefixes are what units' names start with, followed by nothing or one of "-",
	// "." and "@" (portablectl(1)). Name is one of them.
	Prefixes []string `json:"prefixes"`
	// Architecture is what the image is for, in systemd's words (systemd.unit(5),
	// ConditionArchitecture=). Empty if that is not known.
	Architecture string `json:"architecture"`
	// Output is where the image goes. It is replaced if it exists.
	Output string `json:"output"`
	// UnitDir is the directory of the image in which systemd looks for units.
	UnitDir  string   `json:"unit_dir"`
	Squashfs Squashfs `json:"squashfs"`
}

// Squashfs says how the file system is made.
type Squashfs struct {
	// Mksquashfs is the program; Loader, if not empty, the dynamic loader to start
	// it with, whose libraries lie in the directory Libraries.
	Mksquashfs string `json:"mksquashfs"`
	Loader     string `json:"loader"`
	Libraries  string `json:"libraries"`
	// Compression is gzip, lz4, xz or zstd; Level its level, 0 for its default.
	Compression string `json:"compression"`
	Level       int    `json:"level"`
	// BlockSize is in bytes: a power of two from 4 KiB to 1 MiB.
	BlockSize int `json:"block_size"`
	// Timestamp is the time of all that is in the file system, and its own, in seconds
	// since 1970.
	Timestamp int64 `json:"timestamp"`
	// Processors bounds the compressor's threads. It has no say in the bytes.
	Processors int `json:"processors"`
	// Memory bounds mksquashfs's caches, in MiB; 0 for its default, a quarter of
	// the machine's. It has no say in the bytes either.
	Memory int `json:"memory"`
}

// Type is what an entry is.
type Type string

// The types of an [Entry].
const (
	Directory Type = "directory"
	File      Type = "file"
	Symlink   Type = "symlink"
	// Tree is the directory Source with all files that are in it, at any depth. They
	// get the tree's mode and owner, whatever theirs are. Symlinks are followed.
	Tree Type = "tree"
	// Attributes are mode, owner or both, instead of those that a path has by the
	// entry that declares it.
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
	// Source is where a file's content is read from; without it, it is empty.
	Source string `json:"source"`
	// Target is a symlink's: relative, and inside the image.
	Target string `json:"target"`
	// Dropins are files to append to Source, in this order: drop-ins of a unit.
	// systemd-portabled takes nothing but units out of an image, so that a drop-in
	// would have no effect; read after the unit it says the same.
	Dropins []string `json:"dropins"`
	// Origin is the label or attribute that declared the entry, for errors.
	Origin string `json:"origin"`

	// Added is whether nobody declared the path itself: it is a mount point, a
	// directory of a tree, or a parent. Origin is the reason.
	Added bool `json:"-"`
	// anyType is whether it gives way to a declared entry of another type.
	anyType bool
	// unknown is whether only the host knows what Path is.
	unknown bool
}

// nameMax is the longest file name that squashfs stores, in bytes.
const nameMax = 256

func decodeLine(line []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func (h *Header) check() error {
	switch {
	case h.Name == "" || strings.ContainsAny(h.Name, "/_"):
		return fmt.Errorf("portable name %q: it must not be empty, nor have a slash or an underscore (which starts a version); choose another with the attribute portable_name", h.Name)
	case strings.ContainsFunc(h.Version, notInVersion):
		return fmt.Errorf("version %q has other characters than a version may have (an underscore starts the architecture); write letters, digits, \".\", \"~\", \"^\" and \"-\"", h.Version)
	case !slices.Contains(h.Prefixes, h.Name):
		return fmt.Errorf("prefixes %q: the portable name %q is missing; add it", h.Prefixes, h.Name)
	case h.Output == "":
		return fmt.Errorf("spec names no output")
	}
	for _, prefix := range h.Prefixes {
		if prefix == "" || strings.ContainsAny(prefix, "/ ") {
			return fmt.Errorf("prefixes: %q is none: it must not be empty, nor have a slash or a space; write each prefix as a string of its own", prefix)
		}
	}
	if err := checkPath(h.UnitDir); err != nil {
		return fmt.Errorf("unit_dir %w", err)
	}
	return h.Squashfs.check()
}

// notInVersion are characters that the Version Format Specification (UAPI.10)
// gives no meaning, and those that end a version in a file name (systemd.v(7)).
func notInVersion(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(".~^-", r)
}

// check tells what is wrong with the entry by itself.
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
	// What may be there, and whether a mode must.
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
		return fmt.Errorf("type %q is none of directory, file, symlink, tree and attributes", e.Type)
	}
	if !source && e.Source != "" || !target && e.Target != "" || !dropins && len(e.Dropins) > 0 {
		return fmt.Errorf("a %s can't have what the spec gives it", e.Type)
	}
	if mode {
		if _, err := e.mode(); err != nil {
			return err
		}
	}
	_, _, err := e.owner()
	return err
}

// mode is the entry's mode as a number.
func (e *Entry) mode() (int64, error) {
	mode, err := strconv.ParseUint(e.Mode, 8, 12)
	if err != nil || len(e.Mode) != 4 {
		return 0, fmt.Errorf("mode %q is not of the form \"0755\"; write four octal digits", e.Mode)
	}
	return int64(mode), nil
}

// owner is the entry's owner as numbers.
func (e *Entry) owner() (uid, gid int, err error) {
	if e.Owner == "" {
		return 0, 0, nil
	}
	user, group, both := strings.Cut(e.Owner, ":")
	u, userErr := strconv.ParseUint(user, 10, 32)
	g, groupErr := strconv.ParseUint(group, 10, 32)
	if !both || userErr != nil || groupErr != nil || u == math.MaxUint32 || g == math.MaxUint32 {
		return 0, 0, fmt.Errorf("owner %q is not of the form \"UID:GID\"; write two numbers below %d, as names mean nothing to the host", e.Owner, uint32(math.MaxUint32))
	}
	return int(u), int(g), nil
}

func checkPath(p string) error {
	switch {
	case !path.IsAbs(p):
		return fmt.Errorf("%q: not an absolute path; write it from the image's root, as in \"/etc/app.conf\"", p)
	case p == "/":
		return fmt.Errorf("%q: the root directory is made by itself, with mode 0755; leave it out", p)
	case path.Clean(p) != p:
		return fmt.Errorf("%q: not a clean path (no \"..\", \".\", \"//\" and no slash at its end); did you mean %q?", p, path.Clean(p))
	case unprintable(p):
		return fmt.Errorf("%q: control characters or invalid UTF-8 in a path; rename it", p)
	}
	for name := range strings.SplitSeq(p, "/") {
		if len(name) > nameMax {
			return fmt.Errorf("%q: a file name is longer than squashfs's %d bytes; shorten it", p, nameMax)
		}
	}
	return nil
}

// unprintable is what would look like more than one column or line of a manifest.
func unprintable(s string) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl)
}

// checkTarget holds symlinks inside the image also where it is not the root
// directory: mounted for a look, or unpacked. What lies above a symlink are
// directories, so that ".." at its start is what it seems; after a name, which may
// be another symlink's, it could lead anywhere.
func checkTarget(p, target string) error {
	if target == "" {
		return fmt.Errorf("a symlink needs a target")
	}
	if path.IsAbs(target) {
		return fmt.Errorf("symlink target %q is absolute and would leave the image where that is mounted; write it relative to %q", target, path.Dir(p))
	}
	if unprintable(target) {
		return fmt.Errorf("symlink target %q: control characters or invalid UTF-8 in a path; rename it", target)
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
				return fmt.Errorf("symlink target %q climbs out of the image; name what is in the image, or have a unit bind the host's with BindReadOnlyPaths=", target)
			}
		}
	}
	return nil
}

// unitSuffixes are the unit types that a portable service may have.
var unitSuffixes = []string{".service", ".socket", ".target", ".timer", ".path"}

// IsUnit tells whether systemd-portabled takes files of that name for units, if
// their prefix is right.
func IsUnit(name string) bool { return slices.Contains(unitSuffixes, path.Ext(name)) }

// HasPrefix compares as portablectl(1) does: after the prefix comes nothing, or
// one of three characters.
func HasPrefix(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || strings.Contains("-.@", rest[:1]))
}

// Attaches tells whether a unit of that name has one of the image's prefixes.
func (h *Header) Attaches(unit string) bool {
	return slices.ContainsFunc(h.Prefixes, func(prefix string) bool { return HasPrefix(unit, prefix) })
}

// checkUnit refuses a unit that systemd-portabled would silently leave out.
func (h *Header) checkUnit(e *Entry) (isUnit bool, err error) {
	dir, base := path.Split(e.Path)
	if path.Clean(dir) != h.UnitDir || !IsUnit(base) {
		return false, nil
	}
	if h.Attaches(base) {
		return true, nil
	}
	return false, fmt.Errorf("%q: the unit does not match the portable name %q, so it would never be attached; call it %s%s, or %s-SOMETHING%s",
		e.Path, h.Name, h.Name, path.Ext(base), h.Name, path.Ext(base))
}
