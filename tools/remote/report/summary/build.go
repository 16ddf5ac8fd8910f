package summary

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
)

func failed(b *buildevents.Build, limit int) section {
	s := section{heading: "Failed", alert: true}
	n := 0
	for _, a := range b.Actions {
		if a.Success {
			continue
		}
		if n++; n <= limit {
			s.rows = append(s.rows, row{figures: []string{fmt.Sprintf("exit code %d", a.ExitCode)}, text: a.Mnemonic + " " + short(a.Label), name: true})
		}
	}
	s.more = andMore(n, limit)
	return s
}

func tests(b *buildevents.Build, limit int) section {
	if len(b.Tests) == 0 {
		return section{}
	}
	s := section{heading: "Tests"}
	var bad []buildevents.Test
	passed, cached, upToDate := 0, 0, 0
	for _, t := range b.Tests {
		if t.Status != "PASSED" {
			bad = append(bad, t)
			continue
		}
		passed++
		switch {
		case t.UpToDate == t.Runs:
			upToDate++
		case t.UpToDate+t.Cached == t.Runs:
			cached++
		}
	}
	s.alert = len(bad) > 0
	s.aside = fmt.Sprintf("%d of %d passed", passed, len(b.Tests))
	var how []string
	for _, c := range []struct {
		n    int
		what string
	}{{upToDate, "up to date"}, {cached, "from a cache"}, {passed - upToDate - cached, "executed"}} {
		if c.n > 0 {
			how = append(how, fmt.Sprintf("%d %s", c.n, c.what))
		}
	}
	if len(how) > 0 {
		s.aside += " (" + strings.Join(how, ", ") + ")"
	}
	for i, t := range bad {
		if i < limit {
			s.rows = append(s.rows, row{figures: []string{t.Status}, text: short(t.Label), name: true})
		}
	}
	s.more = andMore(len(bad), limit)
	return s
}

// runners is what the events alone tell of caches.
func runners(b *buildevents.Build) section {
	s := section{heading: "Cache"}
	if b.Metrics == nil {
		return section{}
	}
	hits, total := 0, 0
	var rows []buildevents.Runner
	for _, r := range b.Metrics.Runners {
		total += r.Count
		if r.CacheHit() {
			hits += r.Count
		} else {
			r.Name = "executed by " + r.Name
		}
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b buildevents.Runner) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Name, b.Name))
	})
	if total == 0 {
		return section{}
	}
	s.aside = hitRate(hits, total, "process")
	for _, r := range rows {
		s.rows = append(s.rows, row{figures: []string{fmt.Sprint(r.Count), percent(r.Count, total)}, text: r.Name})
	}
	s.more = "Which of them a cache could have known: --execution-log tells."
	return s
}

// Bazel writes a line for the whole path and one for each action of it, with how a remote
// service spent the time, if one was asked:
//
//	Critical Path: 3.24s, Remote (94.47% of the time): [parse: 1.70%, …, memory bytes: 0]
//	  0.75s, Remote (94.27% of the time): [parse: 0.13%, …] action 'Executing genrule //:link'
//	  1.33s action 'Executing genrule //:parse'
var (
	pathLine   = regexp.MustCompile(`^\s*([0-9.]+s)(?:, Remote \(([0-9.]+)% of the time\): \[([^]]*)\])?\s*(.*)$`)
	pathShares = regexp.MustCompile(`([A-Za-z]+): ([0-9.]+)%`)
)

// A step is an action of the critical path.
type step struct {
	took time.Duration
	what string
}

func criticalPath(b *buildevents.Build, limit int) section {
	lines := strings.Split(strings.TrimPrefix(b.CriticalPath, "Critical Path: "), "\n")
	whole := pathLine.FindStringSubmatch(lines[0])
	if whole == nil {
		return section{}
	}
	s := section{heading: "Critical path", aside: whole[1] + ", its end first"}
	if d, err := time.ParseDuration(whole[1]); err == nil {
		s.aside = span(d) + ", its end first"
	}
	var steps []step
	for _, line := range lines[1:] {
		if parts := pathLine.FindStringSubmatch(line); parts != nil {
			if d, err := time.ParseDuration(parts[1]); err == nil && d > 0 {
				steps = append(steps, step{d, strings.TrimSuffix(strings.TrimPrefix(parts[4], "action '"), "'")})
			}
		}
	}
	n := len(steps)
	for _, step := range longest(steps, limit) {
		s.rows = append(s.rows, row{figures: []string{span(step.took)}, text: step.what, name: true})
	}
	var more []string
	if text := andMore(n, limit); text != "" {
		more = append(more, text+" that took less")
	}
	if text := remotely(whole[2], whole[3]); text != "" {
		more = append(more, text)
	}
	s.more = strings.Join(more, "; ")
	return s
}

// remotely tells what a remote service did on the path, if it was much.
func remotely(share, parts string) string {
	const much = 10
	all, err := strconv.ParseFloat(share, 64)
	if err != nil || all < much {
		return ""
	}
	var shares []string
	for _, part := range pathShares.FindAllStringSubmatch(parts, -1) {
		if f, err := strconv.ParseFloat(part[2], 64); err == nil && f >= much {
			shares = append(shares, fmt.Sprintf("%s %.0f %%", part[1], f))
		}
	}
	if len(shares) == 0 {
		return fmt.Sprintf("%.0f %% of it remote", all)
	}
	return fmt.Sprintf("%.0f %% of it remote: %s", all, strings.Join(shares, ", "))
}

// longest keeps those that took longest, in the path's order.
func longest(steps []step, limit int) []step {
	for len(steps) > limit {
		shortest := slices.MinFunc(steps, func(a, b step) int { return cmp.Compare(a.took, b.took) })
		i := slices.Index(steps, shortest)
		steps = slices.Delete(steps, i, i+1)
	}
	return steps
}

func slowestActions(b *buildevents.Build, limit int) section {
	s := section{heading: "Slowest"}
	actions := slices.Clone(b.Actions)
	slices.SortStableFunc(actions, func(x, y buildevents.Action) int {
		return cmp.Compare(y.End.Sub(y.Start), x.End.Sub(x.Start))
	})
	for _, a := range actions[:min(limit, len(actions))] {
		if took := a.End.Sub(a.Start); took > 0 && !a.Start.IsZero() {
			s.rows = append(s.rows, row{figures: []string{span(took)}, text: a.Mnemonic + " " + short(a.Label), name: true})
		}
	}
	return s
}
