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
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteErrors writes only what fails the build.
func (r *Report) WriteErrors(w io.Writer) error {
	var b strings.Builder
	for _, f := range r.Findings {
		if f.Severity == Error && f.Allowed == "" {
			f.write(&b)
		}
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
