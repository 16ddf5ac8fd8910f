package summary

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Columns is a terminal's usual width.
const Columns = 80

// WriteText writes the report for a terminal, with or without colours.
func (r *Report) WriteText(w io.Writer, colour bool) error {
	t := &text{w: w, colour: colour}
	title := green
	if !r.ok {
		title = red
	}
	t.wrapped(title, "", r.title)
	if r.times != "" {
		t.wrapped("", "  ", r.times)
	}
	for _, note := range r.notes {
		t.wrapped(yellow, "  ", note)
	}
	for _, s := range r.sections {
		t.section(s)
	}
	return t.err
}

const (
	bold   = "\x1b[1m"
	red    = "\x1b[1;31m"
	green  = "\x1b[1;32m"
	yellow = "\x1b[33m"
	faint  = "\x1b[2m"
	reset  = "\x1b[0m"
)

type text struct {
	w      io.Writer
	colour bool
	err    error
}

func (t *text) print(format string, args ...any) {
	if t.err == nil {
		_, t.err = fmt.Fprintf(t.w, format, args...)
	}
}

func (t *text) paint(style, s string) string {
	if !t.colour || s == "" || style == "" {
		return s
	}
	return style + s + reset
}

// wrapped writes words in lines that are no longer than the terminal is wide, if no word
// is.
func (t *text) wrapped(style, indent, s string) {
	for _, line := range lines(s, Columns-len(indent)) {
		t.print("%s%s\n", indent, t.paint(style, line))
	}
}

func (t *text) section(s section) {
	style := bold
	if s.alert {
		style = bold + yellow
	}
	t.print("\n%s", t.paint(style, s.heading))
	if s.aside != "" {
		t.print("  %s", s.aside)
	}
	t.print("\n")
	var widths []int
	for _, r := range s.rows {
		for i, figure := range r.figures {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(figure))
		}
	}
	for _, r := range s.rows {
		var left strings.Builder
		for i, width := range widths {
			fmt.Fprintf(&left, "  %*s", width, r.figures[i])
		}
		left.WriteString("  ")
		t.row(r, left.String())
	}
	if s.more != "" {
		t.wrapped(faint, "  ", s.more)
	}
}

func (t *text) row(r row, left string) {
	indent := strings.Repeat(" ", utf8.RuneCountInString(left))
	room := max(Columns-len(indent), 30)
	if r.name {
		t.print("%s%s\n", left, cut(r.text, room))
	} else {
		for i, line := range lines(r.text, room) {
			if i > 0 {
				left = indent + "  "
			}
			t.print("%s%s\n", left, line)
		}
	}
	for _, detail := range r.details {
		t.wrapped(faint, indent, detail)
	}
	for _, name := range r.names {
		t.print("%s%s\n", indent, t.paint(faint, cut(name, room)))
	}
}

// lines breaks a text between words, but not after a short one: "input" stays before its
// path.
func lines(s string, width int) []string {
	const short = 8
	var all []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width, utf8.RuneCountInString(line) < short:
			line += " " + word
		default:
			all = append(all, line)
			line = word
		}
	}
	return append(all, line)
}
