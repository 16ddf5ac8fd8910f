package summary

import (
	"fmt"
	"path"
	"strings"

	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

// why lists the causes of all misses.
func why(e *execlog.Explanation, limit int) section {
	if len(e.Misses) == 0 {
		return section{}
	}
	s := section{
		heading: "Why",
		aside:   fmt.Sprintf("%s, %s", count(len(e.Misses), "miss"), count(len(e.Causes), "cause")),
		alert:   true,
	}
	for _, c := range e.Causes[:min(limit, len(e.Causes))] {
		reasons := describe(c.Differences)
		s.rows = append(s.rows, row{
			figures: []string{fmt.Sprint(c.Misses())},
			text:    reasons[0],
			details: reasons[1:],
			names:   append(some("in    ", c.Spawns), some("hence ", c.Followers)...),
		})
	}
	s.more = andMore(len(e.Causes), limit)
	return s
}

// describe has a line for each of a few differences. Of many, those of inputs, which another
// compiler has thousands of, are told in one.
func describe(differences []execlog.Difference) []string {
	const most = 5
	var inputs, others []execlog.Difference
	for _, d := range differences {
		if d.Field == execlog.InputFile {
			inputs = append(inputs, d)
		} else {
			others = append(others, d)
		}
	}
	var lines []string
	if len(inputs) > most {
		lines = append(lines, below(inputs))
		inputs = inputs[:1]
	}
	others = append(inputs, others...)
	for _, d := range others[:min(most, len(others))] {
		lines = append(lines, d.String())
	}
	if more := andMore(len(others), most); more != "" {
		lines = append(lines, more)
	}
	return lines
}

// below counts inputs, and names the directory that they share.
func below(inputs []execlog.Difference) string {
	added, removed := 0, 0
	directory := path.Dir(inputs[0].Name)
	for _, d := range inputs {
		if d.Added {
			added++
		}
		if d.Removed {
			removed++
		}
		for directory != "." && directory != "/" && !strings.HasPrefix(d.Name, directory+"/") {
			directory = path.Dir(directory)
		}
	}
	text := fmt.Sprintf("%d inputs", len(inputs))
	if directory != "." && directory != "/" {
		text += " below " + directory + "/"
	}
	return fmt.Sprintf("%s: %d changed, %d added, %d removed; the first:", text, len(inputs)-added-removed, added, removed)
}

// some names a few spawns, a line each, and how many more there are.
func some(prefix string, spawns []*execlog.Spawn) []string {
	const most = 3
	var names []string
	for _, s := range spawns[:min(most, len(spawns))] {
		name := title(s)
		if s.CacheHit {
			name += " (a hit)"
		}
		names = append(names, name)
	}
	if more := andMore(len(spawns), most); more != "" {
		names = append(names, more)
	}
	for i := range names {
		names[i] = prefix + names[i]
		prefix = strings.Repeat(" ", len(prefix))
	}
	return names
}
