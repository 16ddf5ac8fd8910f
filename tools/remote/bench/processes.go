package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// processes are how many results of actions came from where. Bazel's own work, such as
// links and files that it writes itself, is not counted.
type processes struct {
	// here were executed on this machine, remote by the engine; hits came from a cache.
	here, remote, hits int
}

var summary = regexp.MustCompile(`(?m)^INFO: \d+ process(?:es)?: (.*)\.$`)

// parseProcesses reads the summary that Bazel ends a build with.
func parseProcesses(said string) (p processes, err error) {
	found := summary.FindStringSubmatch(said)
	if found == nil {
		return p, fmt.Errorf("bazel said nothing of its processes: %s", said)
	}
	for part := range strings.SplitSeq(found[1], ", ") {
		number, runner, _ := strings.Cut(part, " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			return p, fmt.Errorf("bazel's summary %q: %w", found[0], err)
		}
		switch {
		case runner == "internal":
		case strings.HasSuffix(runner, "cache hit"):
			p.hits += n
		case runner == "remote":
			p.remote += n
		default:
			p.here += n
		}
	}
	return p, nil
}
