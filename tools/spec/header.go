package spec

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Header is a spec's first line: what is said of the image as a whole.
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
	// UnitDir is the directory of the image in which systemd looks for units.
	UnitDir string `json:"unit_dir"`
	// Symlinks is whether the spec says which sources are unresolved symlinks.
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

// IsUnitFile tells whether systemd-portabled takes the file with that path for a unit, if
// its prefix is right.
func (h *Header) IsUnitFile(name string) bool {
	return path.Dir(name) == h.UnitDir && IsUnit(name)
}

// OSReleasePaths are where os-release(5) is looked for, in systemd's order.
var OSReleasePaths = []string{"/etc/os-release", "/usr/lib/os-release"}
