// Package osrelease reads and writes files in the format of os-release(5): assignments that a shell
// can read, without expansion.
package osrelease

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Assignment is a line NAME=VALUE.
type Assignment struct {
	Name, Value string
	Line        int
}

// Problem is a line that can't be read, or that a shell would read differently.
type Problem struct {
	Line int
	Text string
	// Name is the name that the line seems to assign, or "".
	Name string
}

// File is an os-release file's content, in its order.
type File struct {
	Assignments []Assignment
	Problems    []Problem
}

// Lookup returns the last assignment of a name, which takes precedence.
func (f *File) Lookup(name string) (Assignment, bool) {
	for i := len(f.Assignments) - 1; i >= 0; i-- {
		if f.Assignments[i].Name == name {
			return f.Assignments[i], true
		}
	}
	return Assignment{}, false
}

// Assigns reports whether a line assigns a name, even a line that can't be read.
func (f *File) Assigns(name string) bool {
	_, ok := f.Lookup(name)
	return ok || slices.ContainsFunc(f.Problems, func(p Problem) bool { return p.Name == name })
}

// Parse reads an os-release file. It never fails: invalid lines become problems.
func Parse(content []byte) File {
	var f File
	number := 0
	for line := range bytes.Lines(content) {
		number++
		text := strings.TrimRight(string(line), "\n")
		if trimmed := strings.TrimSpace(text); trimmed == "" || trimmed[0] == '#' {
			continue
		}
		name, raw, ok := strings.Cut(text, "=")
		problem := ""
		switch {
		case strings.ContainsRune(text, 0) || !utf8.ValidString(text):
			problem = "the line has a NUL byte, or is not UTF-8"
		case strings.Contains(text, "\r"):
			problem = "the line ends with a carriage return, which a shell would take into the value"
		case !ok:
			problem = fmt.Sprintf("%q has no \"=\"", text)
		case !isName(name):
			problem = nameProblem(name)
		}
		if problem == "" {
			var value string
			if value, problem = unquote(raw); problem == "" {
				f.Assignments = append(f.Assignments, Assignment{name, value, number})
				continue
			}
		}
		seems := ""
		if words := strings.Fields(strings.TrimPrefix(name, byteOrderMark)); ok && len(words) > 0 {
			seems = words[len(words)-1]
		}
		f.Problems = append(f.Problems, Problem{number, problem, seems})
	}
	return f
}

const byteOrderMark = "\uFEFF"

// nameProblem describes what is wrong with a name.
func nameProblem(name string) string {
	_, exports := strings.CutPrefix(name, "export ")
	switch {
	case strings.HasPrefix(name, byteOrderMark):
		return "the file starts with a byte order mark; save it without"
	case isName(strings.TrimSpace(name)):
		return fmt.Sprintf("%q is not a variable's name; remove blanks around it", name)
	case exports:
		return fmt.Sprintf("%q is not a variable's name; remove the word export", name)
	}
	return fmt.Sprintf("%q is not a variable's name, which has letters, digits and \"_\" only", name)
}

func isName(name string) bool {
	for i, c := range []byte(name) {
		letter := c == '_' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// special are the characters that mean something to a shell.
const special = "|&;<>()$`\\\"'*?[]#~=%!{} \t"

// unquote reads a value: one word, bare or in single or double quotes.
func unquote(raw string) (value, problem string) {
	raw = strings.TrimRight(raw, " \t")
	if raw == "" {
		return "", ""
	}
	quote := raw[0]
	if quote != '"' && quote != '\'' {
		if at := strings.IndexAny(raw, special); at >= 0 && raw[at] != '~' && raw[at] != '=' && raw[at] != '%' {
			return "", fmt.Sprintf("the value %q has %q in it and needs quotes", raw, raw[at])
		}
		return raw, ""
	}
	var b strings.Builder
	for i := 1; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == quote:
			if i != len(raw)-1 {
				return "", fmt.Sprintf("%q stands after the closing quote", raw[i+1:])
			}
			return b.String(), ""
		case c == '\\' && quote == '"' && i+1 < len(raw) && strings.IndexByte("\"\\$`", raw[i+1]) >= 0:
			i++
			b.WriteByte(raw[i])
		case quote == '"' && (c == '$' || c == '`'):
			return "", fmt.Sprintf("%q would be expanded by a shell; write \\%c", c, c)
		default:
			b.WriteByte(c)
		}
	}
	return "", "the quote is not closed"
}
