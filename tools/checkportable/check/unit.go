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
	// Name is the unit's; of a drop-in that lies in the image by itself, that of
	// the unit it belongs to.
	Name  string
	Entry *spec.Entry
	// File is the source's path, as it is shown.
	File        string
	Sections    []Section
	Assignments []Assignment
	Problems    []Problem
	judged      bool
	faulty      []fault // see faults
	// Empty is true for a file without a byte, which systemd takes for a mask.
	Empty bool
}

// Section is a section's header, Assignment a line in one, Problem another line;
// each with the source that it stands in.
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
	u := &Unit{Name: path.Base(e.Path), Entry: e, File: e.Path}
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

// add takes over what a file says.
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

// Type is the name's suffix, "service".
func (u *Unit) Type() string { return strings.TrimPrefix(path.Ext(u.Name), ".") }

// section is the one that holds what is peculiar to the unit's type, "Service".
func (u *Unit) section() string {
	kind := u.Type()
	if kind == "" {
		return ""
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

// isTemplate tells whether a unit's name is a template's, "foo@.service".
func isTemplate(name string) bool {
	_, instance, ok := strings.Cut(name, "@")
	return ok && instance == path.Ext(name)
}

// prefix is the name up to the "@" or the suffix.
func (u *Unit) prefix() string {
	name := strings.TrimSuffix(u.Name, path.Ext(u.Name))
	name, _, _ = strings.Cut(name, "@")
	return name
}

// at is the place of the file as a whole.
func (u *Unit) at() Finding { return Finding{File: u.File, Origin: u.Entry.Origin} }

// all are a directive's assignments, under all its names, with those that an empty one
// resets left out.
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

// last is a directive's assignment that counts, where only one does.
func (u *Unit) last(section, name string) (Assignment, bool) {
	for _, a := range slices.Backward(u.Assignments) {
		if a.Section == section && a.Name == name {
			return a, a.Value != ""
		}
	}
	return Assignment{}, false
}

// value is the last assignment's value, or what systemd takes without one.
func (u *Unit) value(section, name, otherwise string) string {
	if a, ok := u.last(section, name); ok {
		return a.Value
	}
	return otherwise
}

// isTrue tells whether a boolean directive is on.
func (u *Unit) isTrue(section, name string) bool {
	value, ok := grammar.Bool(u.value(section, name, "no"))
	return ok && value
}

// unit finds a unit of the image by name; an instance is found by its template.
func (img *Image) unit(name string) *Unit {
	for _, u := range img.Units {
		if u.Name == name || u.Name == fileOf(name) {
			return u
		}
	}
	return nil
}

// fileOf is the name of a unit's file: an instance has its template's.
func fileOf(unit string) string {
	if at := strings.IndexByte(unit, '@'); at >= 0 {
		return unit[:at+1] + path.Ext(unit)
	}
	return unit
}

// of are the units of a type.
func (img *Image) of(kind string) []*Unit {
	var units []*Unit
	for _, u := range img.Units {
		if u.Type() == kind {
			units = append(units, u)
		}
	}
	return units
}

// expand replaces specifiers that the unit's name decides. It says no if others are
// left.
func (u *Unit) expand(text string) (string, bool) { return unitfile.Expand(u.Name, text) }

// reference is expand for another unit's name, where it does not matter which
// instance of a template it is: for "foo@%i.service" it says yes.
func (u *Unit) reference(name string) (string, bool) {
	template, _, _ := strings.Cut(name, "@")
	_, known := u.expand(template)
	expanded, ok := u.expand(name)
	return expanded, ok || known && template != name
}

// activates is the unit that a socket, timer or path unit starts, and where that is
// said. It is empty where only the host knows it.
func (u *Unit) activates() (name string, where Finding) {
	directive := "Unit"
	if u.Type() == "socket" {
		directive = "Service"
	}
	if a, ok := u.last(u.section(), directive); ok {
		name, ok := u.reference(a.Value)
		if !ok {
			name = ""
		}
		return name, at(a)
	}
	if u.isTrue("Socket", "Accept") {
		return u.prefix() + "@.service", u.at()
	}
	return strings.TrimSuffix(u.Name, "."+u.Type()) + ".service", u.at()
}
