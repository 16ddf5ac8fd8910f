// Package unitfile reads systemd unit files and says where everything stands.
//
// go-systemd's parser reads names and values, but tells no lines. So this package
// first makes each statement one line, as systemd.syntax(7) has it (comments gone,
// continued lines joined by a space), keeps the line that it began on, and lets
// go-systemd read the result. Where go-systemd would give up or pass over
// something in silence, there is a [Problem].
package unitfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/coreos/go-systemd/v22/unit"
)

// Assignment is a line NAME=VALUE.
type Assignment struct {
	Section, Name string
	// Value is without the blanks around it. It is empty for "NAME=".
	Value string
	// Line counts from 1. Of a continued assignment it is the first.
	Line int
}

// Section is a line [NAME].
type Section struct {
	Name string
	Line int
}

// Kind says what sort of problem there is.
type Kind string

// The kinds of a [Problem].
const (
	Syntax            Kind = "syntax"             // systemd ignores the line
	Encoding          Kind = "encoding"           // no UTF-8, or a NUL byte
	CarriageReturn    Kind = "carriage return"    // lines end as on Windows
	TrailingBackslash Kind = "trailing backslash" // the last line is continued
)

// Problem is something that is wrong with the file's form.
type Problem struct {
	Kind Kind
	Line int
	Text string
}

// File is a unit file's or drop-in's content, in its order.
type File struct {
	Sections    []Section
	Assignments []Assignment
	Problems    []Problem
}

// A statement is a line that counts, with those that continue it.
type statement struct {
	text string
	line int
}

// Parse reads a unit file. Whatever the content, it reads what it can.
func Parse(content []byte) File {
	var f File
	content = bytes.TrimPrefix(content, []byte("\uFEFF")) // as systemd does
	if at := bytes.Index(content, []byte("\r\n")); at >= 0 {
		f.problem(CarriageReturn, lineAt(content, at), "the line ends with a carriage return")
	}
	var section string
	var lines []statement // what go-systemd is given, line by line
	var given strings.Builder
	for _, s := range f.statements(content) {
		if strings.HasPrefix(s.text, "[") {
			name, ok := strings.CutSuffix(s.text[1:], "]")
			if !ok || name == "" || strings.ContainsAny(name, "[]") {
				f.problem(Syntax, s.line, fmt.Sprintf("%q is no section header", s.text))
				// What was meant, so that what follows is not a mistake as well.
				name, _, _ = strings.Cut(strings.Trim(s.text, "[] "), "]")
				if name = strings.TrimSpace(name); name == "" || strings.ContainsAny(name, "[]") {
					continue
				}
			}
			section = name
			f.Sections = append(f.Sections, Section{Name: name, Line: s.line})
			fmt.Fprintf(&given, "[%s]\n", name)
			continue
		}
		name, value, ok := strings.Cut(s.text, "=")
		switch {
		case section == "":
			f.problem(Syntax, s.line, fmt.Sprintf("%q stands in no section", s.text))
		case !ok:
			f.problem(Syntax, s.line, fmt.Sprintf("%q has no \"=\"", s.text))
		case strings.TrimSpace(name) == "":
			f.problem(Syntax, s.line, fmt.Sprintf("%q has no name before its \"=\"", s.text))
		default:
			lines = append(lines, statement{strings.TrimSpace(value), s.line})
			// It refuses lines that systemd takes (up to 1 MiB).
			if len(s.text) >= unit.SYSTEMD_LINE_MAX {
				value = ""
			}
			fmt.Fprintf(&given, "%s=%s\n", name, value)
		}
	}
	options, err := unit.DeserializeOptions(strings.NewReader(given.String()))
	if err == nil && len(options) != len(lines) {
		err = errors.New("it counts other lines")
	}
	if err != nil {
		f.problem(Syntax, 1, fmt.Sprintf("go-systemd can't read it: %v", err))
		return f
	}
	for i, o := range options {
		value := o.Value
		if len(lines[i].text) > len(value) {
			value = lines[i].text
		}
		f.Assignments = append(f.Assignments, Assignment{Section: o.Section, Name: o.Name, Value: value, Line: lines[i].line})
	}
	return f
}

func (f *File) problem(kind Kind, line int, text string) {
	f.Problems = append(f.Problems, Problem{Kind: kind, Line: line, Text: text})
}

// statements splits content into those lines that say something.
func (f *File) statements(content []byte) []statement {
	var all []statement
	var open *statement
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := strings.Trim(string(line), " \t\r\n")
		if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
			f.problem(Encoding, number, "the line has a NUL byte, or is not UTF-8")
			continue
		}
		// A lone one would end the line too.
		text = strings.ReplaceAll(text, "\r", " ")
		if comment := strings.HasPrefix(text, "#") || strings.HasPrefix(text, ";"); comment {
			continue // also between continued lines
		}
		if open != nil {
			open.text += " " + text
		} else if text != "" {
			open = &statement{text, number}
		} else {
			continue
		}
		if rest, ok := strings.CutSuffix(open.text, "\\"); ok {
			open.text = rest
			continue
		}
		all = add(all, *open)
		open = nil
	}
	if open != nil {
		f.problem(TrailingBackslash, number, "the file ends with a continued line")
		all = add(all, *open)
	}
	return all
}

// add leaves out a statement of nothing but continuations.
func add(all []statement, s statement) []statement {
	if s.text = strings.TrimSpace(s.text); s.text == "" {
		return all
	}
	return append(all, s)
}

func lineAt(content []byte, at int) int { return bytes.Count(content[:at], []byte("\n")) + 1 }
