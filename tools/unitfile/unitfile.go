// Package unitfile reads systemd unit files exactly as systemd does (systemd.syntax(7)), with line
// numbers. Lines that systemd ignores or warns about are a [Problem].
//
// It is the one reader of unit files: of their lines ([Parse]), of the words of a value
// ([Split]) and of specifiers ([Specifiers]). A test compares it with systemd itself. (The
// parser of go-systemd has no line numbers, and reads backslashes differently.)
package unitfile

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
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

// Kind is the kind of a problem.
type Kind string

// The kinds of a [Problem].
const (
	Syntax            Kind = "syntax"             // systemd ignores the line
	Encoding          Kind = "encoding"           // no UTF-8, or a NUL byte
	CarriageReturn    Kind = "carriage return"    // lines end as on Windows
	TrailingBackslash Kind = "trailing backslash" // the last line is continued
	// BlankAfterBackslash is a line that seems to be continued, and is not.
	BlankAfterBackslash Kind = "blank after backslash"
)

// Problem is a mistake in the file's syntax.
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

// Parse reads a unit file as systemd does. It never fails: mistakes become problems.
func Parse(content []byte) File {
	var f File
	if at := bytes.Index(content, []byte("\r\n")); at >= 0 {
		f.problem(CarriageReturn, lineAt(content, at), "the line ends with a carriage return")
	}
	var section string
	for _, s := range f.statements(string(content)) {
		if strings.HasPrefix(s.text, "[") {
			name, ok := strings.CutSuffix(s.text[1:], "]")
			if !ok || name == "" || strings.ContainsAny(name, `[]"'\`) {
				f.problem(Syntax, s.line, fmt.Sprintf("%q is not a section header", s.text))
				// Guess the section, so that the following lines are not reported too.
				name, _, _ = strings.Cut(strings.Trim(s.text, "[] "), "]")
				if name = strings.TrimSpace(name); name == "" || strings.ContainsAny(name, "[]") {
					continue
				}
			}
			section = name
			f.Sections = append(f.Sections, Section{Name: name, Line: s.line})
			continue
		}
		name, value, ok := strings.Cut(s.text, "=")
		switch name = strings.Trim(name, Blanks); {
		case section == "":
			f.problem(Syntax, s.line, fmt.Sprintf("%q is outside of every section", s.text))
		case !ok:
			f.problem(Syntax, s.line, fmt.Sprintf("%q has no \"=\"", s.text))
		case name == "":
			f.problem(Syntax, s.line, fmt.Sprintf("%q has no name before its \"=\"", s.text))
		default:
			f.Assignments = append(f.Assignments, Assignment{Section: section, Name: name, Value: strings.Trim(value, Blanks), Line: s.line})
		}
	}
	return f
}

func (f *File) problem(kind Kind, line int, text string) {
	f.Problems = append(f.Problems, Problem{Kind: kind, Line: line, Text: text})
}

// statements splits content into lines other than comments and blank lines. A line that ends with an
// odd number of backslashes continues in the next line that is not a comment.
func (f *File) statements(content string) []statement {
	var all []statement
	open, continued, number := statement{}, false, 0
	finish := func() {
		if open.text = strings.Trim(open.text, Blanks); open.text != "" {
			all = append(all, open)
		}
		open, continued = statement{}, false
	}
	for line := range lines(content) {
		if number += 1; number == 1 {
			line = strings.TrimPrefix(line, "\uFEFF")
		}
		if strings.ContainsRune(line, 0) || !utf8.ValidString(line) {
			f.problem(Encoding, number, "the line has a NUL byte, or is not UTF-8")
			continue
		}
		if bare := strings.TrimLeft(line, Blanks); strings.HasPrefix(bare, "#") || strings.HasPrefix(bare, ";") {
			continue // also between continued lines
		}
		if !continued {
			open.line = number
		}
		open.text += line
		if bare := strings.TrimRight(line, Blanks); bare != line && odd(bare) {
			f.problem(BlankAfterBackslash, number, "a blank follows the backslash, so the next line does not continue this one")
		}
		if continued = odd(open.text); continued {
			open.text = open.text[:len(open.text)-1] + " "
			continue
		}
		finish()
	}
	if continued {
		f.problem(TrailingBackslash, number, "the file ends with a continued line")
		finish()
	}
	return all
}

// odd reports whether a text ends with an odd number of backslashes.
func odd(text string) bool {
	return (len(text)-len(strings.TrimRight(text, `\`)))%2 == 1
}

// lines yields lines without their ends: a newline, a carriage return, or both.
func lines(content string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for content != "" {
			end := strings.IndexAny(content, "\r\n")
			if end < 0 {
				yield(content)
				return
			}
			line, rest := content[:end], content[end+1:]
			if rest != "" && rest[0] != content[end] && (rest[0] == '\r' || rest[0] == '\n') {
				rest = rest[1:]
			}
			if content = rest; !yield(line) {
				return
			}
		}
	}
}

func lineAt(content []byte, at int) int { return bytes.Count(content[:at], []byte("\n")) + 1 }
