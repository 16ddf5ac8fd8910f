package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Header is a spec's first line, which describes the image as a whole.
type Header struct {
	// Label is the Bazel target to name in errors.
	Label string `json:"label"`
	// Name is the portable name, which portablectl(1) reads from the file's name.
	Name string `json:"name"`
	// Version is the image's version, as in NAME_VERSION.raw; empty for none.
	Version string `json:"version"`
	// Prefixes are the prefixes of units' names, followed by nothing or one of "-", "." and "@"
	// (portablectl(1)). Name is one of them.
	Prefixes []string `json:"prefixes"`
	// Architecture is the image's architecture under systemd's name (systemd.unit(5),
	// ConditionArchitecture=); empty if it is unknown.
	Architecture string `json:"architecture"`
	// UnitDir is the directory of the image in which systemd looks for units.
	UnitDir string `json:"unit_dir"`
	// Symlinks is true if the spec marks unresolved symlinks among the sources.
	Symlinks bool `json:"symlinks"`
}

func (h *Header) check() error {
	switch {
	case strings.Contains(h.Name, "_"):
		return fmt.Errorf("portable_name %q: an underscore starts a version; choose a name without one. For units called %s*, add that prefix to prefixes: portablectl attach IMAGE %s takes them", h.Name, h.Name, h.Name)
	case h.Name == "" || strings.HasPrefix(h.Name, ".") || strings.ContainsFunc(h.Name, notInName):
		return fmt.Errorf("portable_name %q: portablectl accepts letters, digits, \"-\", \".\" and \"\\\", and but no dot at the start; choose another name", h.Name)
	case strings.ContainsFunc(h.Version, notInVersion):
		return fmt.Errorf("version %q has characters that a version must not have (an underscore starts the architecture); use letters, digits, \".\", \"~\", \"^\" and \"-\"", h.Version)
	case !slices.Contains(h.Prefixes, h.Name):
		return fmt.Errorf("prefixes %q: the portable name %q is missing; add it", h.Prefixes, h.Name)
	}
	for _, prefix := range h.Prefixes {
		if prefix == "" || strings.ContainsFunc(prefix, func(r rune) bool { return notInName(r) && r != ':' && r != '_' }) {
			return fmt.Errorf("prefixes: %q is not a valid prefix: a prefix has letters, digits, \"-\", \".\", \"_\", \":\" and \"\\\" only, and is not empty; write each prefix as a separate string", prefix)
		}
	}
	if err := checkPath(h.UnitDir); err != nil {
		return fmt.Errorf("unit_dir %w", err)
	}
	return nil
}

// notInName are characters that a unit's prefix, and so a portable name, can't have
// (systemd.unit(5)).
func notInName(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(`-.\`, r)
}

// notInVersion are characters that the Version Format Specification (UAPI.10)
// gives no meaning, and those that end a version in a file name (systemd.v(7)).
func notInVersion(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune(".~^-", r)
}

// unitSuffixes are the unit types that a portable service may have.
var unitSuffixes = []string{".service", ".socket", ".target", ".timer", ".path"}

// IsUnit reports whether systemd-portabled recognizes files of that name as units, if their prefix
// is right.
func IsUnit(name string) bool { return slices.Contains(unitSuffixes, path.Ext(name)) }

// HasPrefix reports whether a name has a prefix as portablectl(1) defines it: nothing or one of
// three characters follows the prefix.
func HasPrefix(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (rest == "" || strings.Contains("-.@", rest[:1]))
}

// Attaches reports whether a unit of that name has one of the image's prefixes.
func (h *Header) Attaches(unit string) bool {
	return slices.ContainsFunc(h.Prefixes, func(prefix string) bool { return HasPrefix(unit, prefix) })
}

// IsUnitFile reports whether systemd-portabled recognizes the file with that path as a unit, if its
// prefix is right.
func (h *Header) IsUnitFile(name string) bool {
	return path.Dir(name) == h.UnitDir && IsUnit(name)
}

// OSReleasePaths are the paths of os-release(5), in the order in which systemd tries them.
var OSReleasePaths = []string{"/etc/os-release", "/usr/lib/os-release"}
