package summary

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteMarkdown writes the report as GitHub shows it, for one in $GITHUB_STEP_SUMMARY.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	mark := "✅"
	if !r.ok {
		mark = "❌"
	}
	fmt.Fprintf(&b, "### %s %s\n", mark, escape(r.title))
	if r.times != "" {
		fmt.Fprintf(&b, "\n%s\n", escape(r.times))
	}
	for _, note := range r.notes {
		fmt.Fprintf(&b, "\n> %s\n", strings.ReplaceAll(escape(note), "\n", "\n> "))
	}
	for _, s := range r.sections {
		heading := "**" + s.heading + "**"
		if s.aside != "" {
			heading += ": " + escape(s.aside)
		}
		fmt.Fprintf(&b, "\n%s\n", heading)
		if len(s.rows) > 0 {
			fmt.Fprintf(&b, "\n|%s |\n|%s --- |\n", strings.Repeat(" |", len(s.rows[0].figures)), strings.Repeat(" ---: |", len(s.rows[0].figures)))
		}
		for _, r := range s.rows {
			for _, figure := range r.figures {
				fmt.Fprintf(&b, "| %s ", escape(figure))
			}
			fmt.Fprintf(&b, "| %s", escape(r.text))
			for _, line := range slices.Concat(r.details, r.names) {
				fmt.Fprintf(&b, "<br>%s", escape(strings.TrimSpace(line)))
			}
			b.WriteString(" |\n")
		}
		if s.more != "" {
			fmt.Fprintf(&b, "\n%s\n", escape(s.more))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// escape makes a text safe in a table's cell, where a label would be read as markup.
func escape(s string) string {
	return strings.NewReplacer(
		"&", "&amp;", "<", "&lt;", ">", "&gt;", "|", "\\|", "\n", " ",
		"*", "\\*", "_", "\\_", "`", "\\`", "[", "\\[", "~", "\\~", "@", "&#64;", "#", "&#35;",
	).Replace(s)
}
