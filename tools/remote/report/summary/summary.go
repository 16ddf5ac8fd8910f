// Package summary writes what a person wants to know of a build: how it ended, what the
// caches knew and why they did not know the rest, and where the time went.
package summary

import (
	"fmt"
	"strings"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

// Input is what is known of a build.
type Input struct {
	Build *buildevents.Build
	// Log is the build's execution log. Nil is none, and then less is told.
	Log []*execlog.Spawn
	// Previous is the log of an earlier build, whose results the cache should have had. It
	// may be nil.
	Previous []*execlog.Spawn
	// Notes are told at the top.
	Notes []string
	// Limit is how many lines a list has at most.
	Limit int
}

// A Report is the same for a terminal and for Markdown.
type Report struct {
	ok    bool
	title string
	// times are where the wall time went.
	times    string
	notes    []string
	sections []section
}

// A section is a list under a heading.
type section struct {
	heading string
	// aside is beside the heading.
	aside string
	rows  []row
	// more is a line below the list.
	more string
	// alert is whether somebody should look at it.
	alert bool
}

// A row is figures in columns, text beside them, and below that details and names.
type row struct {
	figures        []string
	text           string
	details, names []string
	// name is whether the text is a label or a path, which may be cut in its middle.
	name bool
}

// New makes the report of a build.
func New(in Input) *Report {
	r := &Report{}
	r.head(in.Build)
	r.notes = append(r.notes, in.Notes...)
	if ofAnother(in.Log, in.Build) {
		r.notes = append(r.notes, "The execution log is of another build: its processes started at other times.")
	}
	r.add(failed(in.Build, in.Limit))
	r.add(tests(in.Build, in.Limit))
	switch {
	case in.Log == nil:
		r.add(runners(in.Build))
	case in.Previous == nil:
		r.add(results(in.Log))
		r.add(missed(in.Log, in.Limit))
	default:
		r.add(results(in.Log))
		r.add(why(execlog.Explain(in.Log, in.Previous), in.Limit))
	}
	r.add(criticalPath(in.Build, in.Limit))
	if in.Log != nil {
		r.add(slowest(in.Log, in.Limit))
	} else {
		r.add(slowestActions(in.Build, in.Limit))
	}
	r.add(moved(in))
	return r
}

func (r *Report) add(s section) {
	if len(s.rows) > 0 || s.aside != "" {
		r.sections = append(r.sections, s)
	}
}

// knownVersion is the Bazel whose events this was written for.
const knownVersion = "7."

func (r *Report) head(b *buildevents.Build) {
	r.ok = b.Exit == "SUCCESS"
	switch {
	case b.Exit == "" && b.Complete:
		r.title = "NO RESULT"
		r.notes = append(r.notes, "Bazel does not say how the build ended: its server broke down, or the command line was wrong.")
	case b.Exit == "":
		r.title = "INCOMPLETE"
		r.notes = append(r.notes, "The events stop in the middle: Bazel was killed, or is still building. All below is what was known until then.")
	default:
		r.title = b.Exit
		if !b.Complete {
			r.notes = append(r.notes, "The events stop before their end: what Bazel tells last may be missing below.")
		}
	}
	if b.ExitCode != 0 {
		r.title += fmt.Sprintf(" (exit code %d)", b.ExitCode)
	}
	if !b.Finished.IsZero() && !b.Started.IsZero() {
		r.title += " in " + span(b.Finished.Sub(b.Started))
	}
	const most = 3
	command := append([]string{"bazel", b.Command}, b.Patterns[:min(most, len(b.Patterns))]...)
	if more := andMore(len(b.Patterns), most); more != "" {
		command = append(command, more)
	}
	r.title += ": " + strings.Join(command, " ")
	if m := b.Metrics; m != nil && m.Analysis+m.Execution > 0 {
		r.times = fmt.Sprintf("loading and analysis %s, execution %s", span(m.Analysis), span(m.Execution))
	}
	if b.Failure != "" {
		r.notes = append(r.notes, b.Failure)
	}
	r.notes = append(r.notes, b.Aborted...)
	if b.Version != "" && !strings.HasPrefix(b.Version, knownVersion) {
		r.notes = append(r.notes, fmt.Sprintf("Written by Bazel %s; this report knows the events of Bazel %sx, and others may lack figures.", b.Version, knownVersion))
	}
}

func andMore(n, limit int) string {
	if n <= limit {
		return ""
	}
	return fmt.Sprintf("and %d more", n-limit)
}
