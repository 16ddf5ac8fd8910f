package summary

import (
	"cmp"
	"fmt"
	"slices"
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
		if r.Name == "total" || r.Name == "internal" {
			continue
		}
		total += r.Count
		if strings.HasSuffix(r.Name, "cache hit") {
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

func criticalPath(b *buildevents.Build, limit int) section {
	lines := strings.Split(b.CriticalPath, "\n")
	took, _, ok := strings.Cut(strings.TrimPrefix(lines[0], "Critical Path: "), "s,")
	if !ok {
		return section{}
	}
	s := section{heading: "Critical path"}
	if d, err := time.ParseDuration(took + "s"); err == nil {
		s.aside = span(d) + ", its end first"
	}
	type step struct {
		took time.Duration
		what string
	}
	var steps []step
	for _, line := range lines[1:] {
		took, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		if d, err := time.ParseDuration(took); err == nil && d > 0 {
			steps = append(steps, step{d, strings.TrimSuffix(strings.TrimPrefix(what, "action '"), "'")})
		}
	}
	// Those that take longest, in the path's order.
	n := len(steps)
	for len(steps) > limit {
		shortest := slices.MinFunc(steps, func(a, b step) int { return cmp.Compare(a.took, b.took) })
		i := slices.Index(steps, shortest)
		steps = slices.Delete(steps, i, i+1)
	}
	for _, step := range steps {
		s.rows = append(s.rows, row{figures: []string{span(step.took)}, text: step.what, name: true})
	}
	if s.more = andMore(n, limit); s.more != "" {
		s.more += " that took less"
	}
	return s
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
