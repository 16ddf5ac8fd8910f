package check

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for a person: all findings, worst first.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	counts := map[Severity]int{}
	allowed := 0
	for _, f := range r.Findings {
		if f.Allowed != "" {
			allowed++
		} else {
			counts[f.Severity]++
		}
	}
	fmt.Fprintf(&b, "%s: %s, %s, %s, %d allowed (%d checks, systemd %d)\n", r.Label,
		count(counts[Error], "error"), count(counts[Warning], "warning"), count(counts[Note], "note"), allowed, len(All), r.Systemd)
	for _, f := range r.Findings {
		b.WriteString("\n")
		f.write(&b)
	}
	if len(r.Ratings) > 0 {
		b.WriteString("\nExposure of each service under each profile (systemd-analyze security, estimated: from 0 to 10, the tightest first):\n")
	}
	for _, rating := range r.Ratings {
		fmt.Fprintf(&b, "%s\n", rating)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteErrors writes the errors, and a line for each warning.
func (r *Report) WriteErrors(w io.Writer) error {
	var b strings.Builder
	warnings := 0
	for _, f := range r.Findings {
		switch {
		case f.Allowed != "":
		case f.Severity == Error:
			f.write(&b)
		case f.Severity == Warning:
			fmt.Fprintf(&b, "%s: %s: %s [%s]\n", f.Where(), f.Severity, f.Text, f.ID)
			warnings++
		}
	}
	if warnings > 0 {
		fmt.Fprintf(&b, "%s: %s; reasons and fixes: bazel build %s --output_groups=+checks\n", r.Label, count(warnings, "warning"), r.Label)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteJSON writes the report for a machine.
func (r *Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

func (f *Finding) write(b *strings.Builder) {
	fmt.Fprintf(b, "%s: %s: %s [%s]\n", f.Where(), f.Severity, f.Text, f.ID)
	fmt.Fprintf(b, "  %s\n", f.Why)
	if f.Fix != "" {
		fmt.Fprintf(b, "  fix: %s\n", f.Fix)
	}
	if f.Allowed != "" {
		fmt.Fprintf(b, "  allowed: %s\n", f.Allowed)
	}
}

func count(n int, what string) string {
	if n == 1 {
		return fmt.Sprintf("%d %s", n, what)
	}
	return fmt.Sprintf("%d %ss", n, what)
}
