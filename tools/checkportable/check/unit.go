package check

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
	"example.org/portable-walkthrough-go/tools/spec"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// Unit is a unit file, with the drop-ins that mkportable appends to it.
type Unit struct {
	// Name is the unit's name. For a separate drop-in in the image, it is the name of the
	// drop-in's unit.
	Name  string
	Entry *spec.Entry
	// File is the source's path for messages.
	File        string
	Sections    []Section
	Assignments []Assignment
	Problems    []Problem
	image       *Image
	judged      bool
	faulty      []fault // see faults
	mounted     *mounts // see collectMounts
	// Empty is true for an empty file, which systemd treats as a mask.
	Empty bool
}

// Section is a section's header, Assignment a line in a section, and Problem an invalid line; each
// with its source.
type (
	Section struct {
		unitfile.Section
		File string
	}
	Assignment struct {
		unitfile.Assignment
		File string
	}
	Problem struct {
		unitfile.Problem
		File string
	}
)

func (img *Image) readUnit(e *spec.Entry) (*Unit, error) {
	u := &Unit{Name: path.Base(e.Path), Entry: e, File: e.Path, image: img}
	file := e
	if e.Type == spec.Symlink {
		file = img.find(e.Path)
		if file == nil || file.Type != spec.File {
			u.Empty = true
			return u, nil
		}
	}
	if file.Source != "" {
		u.File = shown(file.Source)
	}
	text, err := content(file)
	if err != nil {
		return nil, err
	}
	u.Empty = len(text) == 0
	u.add(u.File, text)
	for _, source := range file.Dropins {
		text, err := os.ReadFile(source)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", e.Path, err)
		}
		u.add(shown(source), text)
	}
	return u, nil
}

// add adds the contents of a file.
func (u *Unit) add(file string, text []byte) {
	parsed := unitfile.Parse(text)
	for _, s := range parsed.Sections {
		u.Sections = append(u.Sections, Section{s, file})
	}
	for _, a := range parsed.Assignments {
		u.Assignments = append(u.Assignments, Assignment{a, file})
	}
	for _, p := range parsed.Problems {
		u.Problems = append(u.Problems, Problem{p, file})
	}
}

// Type returns the name's suffix, such as "service".
func (u *Unit) Type() string { return strings.TrimPrefix(path.Ext(u.Name), ".") }

// section returns the section for the unit's type, such as "Service".
func (u *Unit) section() string {
	kind := u.Type()
	if kind == "" {
		kind = u.Name // of a drop-in for all units of a type, such as service.d
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

// isTemplate reports whether a unit's name is a template's, "foo@.service".
func isTemplate(name string) bool {
	_, instance, ok := strings.Cut(name, "@")
	return ok && instance == path.Ext(name)
}

// prefix returns the name up to the "@" or the suffix.
func (u *Unit) prefix() string {
	name := strings.TrimSuffix(u.Name, path.Ext(u.Name))
	name, _, _ = strings.Cut(name, "@")
	return name
}

// at returns a finding for the whole file.
func (u *Unit) at() Finding { return Finding{File: u.File, Origin: u.Entry.Origin} }

// all returns a directive's assignments under all its names, without those that an empty one
// resets.
func (u *Unit) all(section string, names ...string) []Assignment {
	var all []Assignment
	for _, a := range u.Assignments {
		switch {
		case a.Section != section || !slices.Contains(names, a.Name):
		case a.Value == "":
			all = nil
		default:
			all = append(all, a)
		}
	}
	return all
}

// last returns the last assignment of a directive, which is the effective one.
func (u *Unit) last(section, name string) (Assignment, bool) {
	for _, a := range slices.Backward(u.Assignments) {
		if a.Section == section && a.Name == name {
			return a, a.Value != ""
		}
	}
	return Assignment{}, false
}

// value returns the last assignment's value, or the default.
func (u *Unit) value(section, name, otherwise string) string {
	if a, ok := u.last(section, name); ok {
		return a.Value
	}
	return otherwise
}

// isTrue reports whether a boolean directive is on.
func (u *Unit) isTrue(section, name string) bool {
	value, ok := grammar.Bool(u.value(section, name, "no"))
	return ok && value
}

// unit finds a unit of the image by name, and an instance by its template.
func (img *Image) unit(name string) *Unit {
	for _, u := range img.Units {
		if u.Name == name || u.Name == fileOf(name) {
			return u
		}
	}
	return nil
}

// fileOf returns the name of a unit's file; an instance's file is its template.
func fileOf(unit string) string {
	if at := strings.IndexByte(unit, '@'); at >= 0 {
		return unit[:at+1] + path.Ext(unit)
	}
	return unit
}

// of returns the units of a type.
func (img *Image) of(kind string) []*Unit {
	var units []*Unit
	for _, u := range img.Units {
		if u.Type() == kind {
			units = append(units, u)
		}
	}
	return units
}

// expand replaces specifiers that depend on the unit's name. It returns false if others remain.
func (u *Unit) expand(text string) (string, bool) { return unitfile.Expand(u.Name, text) }

// reference is like expand, for the name of another unit. The instance of a template does not matter:
// it returns true for "foo@%i.service".
func (u *Unit) reference(name string) (string, bool) {
	template, _, _ := strings.Cut(name, "@")
	_, known := u.expand(template)
	expanded, ok := u.expand(name)
	return expanded, ok || known && template != name
}

// activates returns the unit that a socket, timer or path unit starts, and the line that names it.
// It is empty if only the host knows the unit.
func (u *Unit) activates() (name string, where Finding) {
	directive := "Unit"
	if u.Type() == "socket" {
		directive = "Service"
	}
	if a, ok := u.last(u.section(), directive); ok {
		name, ok := u.reference(a.Value)
		if !ok {
			return "", at(a)
		}
		// systemd ignores an invalid name, which another check reports.
		if strings.Contains(name, "%") || grammar.IsUnitName(name) {
			return name, at(a)
		}
	}
	if u.isTrue("Socket", "Accept") {
		return u.prefix() + "@.service", u.at()
	}
	return strings.TrimSuffix(u.Name, "."+u.Type()) + ".service", u.at()
}
