// Package check finds mistakes in portable service images before any host does.
//
// It reads the spec of mkportable and, from the files that the spec names, units, os-release and the
// first bytes of programs. Each [Check] is a small function in the registry [All]; [Run] applies
// them.
package check

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
)

// Severity is the effect of a finding on a build.
type Severity string

// The severities.
const (
	// Error fails the build: on a host the image would not work as intended.
	Error Severity = "error"
	// Warning is printed when the build checks the image. It is probably a mistake, or right only
	// on some hosts.
	Warning Severity = "warning"
	// Note is only in the report.
	Note Severity = "note"
)

// Effect is the immediate consequence of a mistake on a host.
type Effect string

// The effects.
const (
	AttachFails Effect = "attach fails"   // portablectl attach exits with an error
	LeftOut     Effect = "left out"       // attach succeeds without it
	UnitRefused Effect = "unit refused"   // systemd does not load the unit, or never starts it
	LineIgnored Effect = "line ignored"   // systemd logs a warning
	StartFails  Effect = "start fails"    // the service's first start, or the limit of starts, fails
	Killed      Effect = "service killed" // later
)

// A Check finds one kind of mistake.
type Check struct {
	// ID never changes, because BUILD files contain it.
	ID       string
	Severity Severity
	// Milder is the severity of findings with smaller consequences.
	Milder []Severity
	// Host is empty if the mistake has no immediate consequence.
	Host Effect
	// Finds completes the sentence "The check finds that".
	Finds string
	// Why describes the behaviour of a host, and Fix the remedy.
	Why, Fix string
	run      func(*Image, *reporter)
}

// All lists the checks, by subject.
var All = slices.Concat(namingChecks, osReleaseChecks, syntaxChecks, directiveChecks, valueChecks, socketChecks,
	serviceChecks, triggerChecks, execChecks, shellChecks, elfChecks, scriptChecks, hostChecks, conditionChecks, mountChecks, hiddenChecks, needsChecks, portChecks,
	lifecycleChecks, referenceChecks, profileChecks)

// Options are a target's attributes for its checks.
type Options struct {
	// Allow maps the IDs of disabled checks to the reason.
	Allow map[string]string `json:"allow"`
	// MinimumSystemd is the oldest systemd that the image supports.
	MinimumSystemd int `json:"minimum_systemd"`
	// Profile is the intended profile for attaching the image.
	Profile string `json:"profile"`
}

// Finding is one mistake.
type Finding struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// File is a path in the workspace, and Line is 0 for the whole file. Without a file, Origin is
	// the label and attribute.
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Origin string `json:"origin,omitempty"`
	// Text describes this mistake, and Fix its remedy.
	Text string `json:"text"`
	Why  string `json:"why"`
	Fix  string `json:"fix"`
	// Allowed is the reason of the exception that covers it, if there is one.
	Allowed string `json:"allowed,omitempty"`
}

// Where returns the finding's place, for people.
func (f *Finding) Where() string {
	switch {
	case f.File != "" && f.Line > 0:
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	case f.File != "":
		return f.File
	}
	return f.Origin
}

// Report contains the findings of all checks.
type Report struct {
	Label    string    `json:"label"`
	Systemd  int       `json:"systemd"`
	Findings []Finding `json:"findings"`
	Ratings  []Rating  `json:"ratings"`
}

// unusedAllow and badAllow are not in the registry, because they can't be disabled.
const (
	unusedAllow = "allow-unused"
	badAllow    = "allow-invalid"
)

// Run checks an image and returns the report.
func Run(img *Image) *Report {
	report := &Report{Label: img.Header.Label, Systemd: newestSystemd, Ratings: img.ratings()}
	used := map[string]bool{}
	for _, c := range All {
		r := &reporter{check: c}
		c.run(img, r)
		for _, f := range r.findings {
			if reason := img.Options.Allow[c.ID]; strings.TrimSpace(reason) != "" {
				f.Allowed = reason
				used[c.ID] = true
			}
			if f.File == "" && f.Origin == "" {
				f.Origin = img.Header.Label
			}
			report.Findings = append(report.Findings, f)
		}
	}
	report.Findings = append(report.Findings, checkAllow(img, used)...)
	rank := map[Severity]int{Error: 0, Warning: 1, Note: 2}
	slices.SortStableFunc(report.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(rank[a.Severity], rank[b.Severity]),
			cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.ID, b.ID), cmp.Compare(a.Text, b.Text),
		)
	})
	return report
}

// checkAllow judges the exceptions themselves.
func checkAllow(img *Image, used map[string]bool) []Finding {
	var findings []Finding
	origin := "allow in " + img.Header.Label
	ids := make([]string, 0, len(All))
	for _, c := range All {
		ids = append(ids, c.ID)
	}
	for id, reason := range img.Options.Allow {
		switch {
		case !slices.Contains(ids, id):
			f := Finding{ID: badAllow, Severity: Error, Origin: origin, Text: fmt.Sprintf("%q is not a check", id),
				Why: "An exception from an unknown check has no effect, and hides its misspelling.", Fix: "Use an identifier from tools/checkportable/README.md."}
			if near := nearest(id, ids); near != "" {
				f.Fix = fmt.Sprintf("Did you mean %q?", near)
			}
			findings = append(findings, f)
		case strings.TrimSpace(reason) == "":
			findings = append(findings, Finding{ID: badAllow, Severity: Error, Origin: origin, Text: fmt.Sprintf("%q is allowed without a reason", id),
				Why: "A later reader must be able to judge the exception.", Fix: "Write why this image needs the exception."})
		case !used[id]:
			findings = append(findings, Finding{ID: unusedAllow, Severity: Warning, Origin: origin, Text: fmt.Sprintf("nothing needs the exception %q", id),
				Why: "It would hide the next mistake of its kind.", Fix: "Remove it."})
		}
	}
	return findings
}

// Failed reports whether the report must fail the build.
func (r *Report) Failed() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity == Error && f.Allowed == "" })
}

// A reporter collects the findings of one check.
type reporter struct {
	check    Check
	findings []Finding
}

func (r *reporter) add(f Finding, format string, args ...any) {
	f.ID = r.check.ID
	f.Severity, f.Why, f.Fix = cmp.Or(f.Severity, r.check.Severity), cmp.Or(f.Why, r.check.Why), cmp.Or(f.Fix, r.check.Fix)
	f.Text = fmt.Sprintf(format, args...)
	r.findings = append(r.findings, f)
}

// at returns a finding at an assignment.
func at(a Assignment) Finding { return Finding{File: a.File, Line: a.Line} }

// in returns a finding for an entry's whole file, or for its declaration.
func in(e *spec.Entry) Finding {
	if e.Source != "" {
		return Finding{File: shown(e.Source), Origin: e.Origin}
	}
	return Finding{Origin: e.Origin}
}

// shown returns a source's path without the name of the configuration.
func shown(source string) string {
	if rest, ok := strings.CutPrefix(source, "bazel-out/"); ok {
		if _, below, ok := strings.Cut(rest, "/bin/"); ok {
			return path.Clean(below)
		}
	}
	return source
}
