package summary

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

// results is where the results of all processes came from.
func results(log []*execlog.Spawn) section {
	var hits, misses int
	counts := make(map[string]int)
	rank := make(map[string]int)
	for _, s := range log {
		name, class := s.Runner, 0
		switch {
		case s.CacheHit:
			hits++
		case s.Missed():
			misses++
			name, class = "missed, executed by "+s.Runner, 1
		default:
			name, class = "not cacheable, executed by "+s.Runner, 2
		}
		counts[name]++
		rank[name] = class
	}
	s := section{heading: "Cache", alert: misses > 0, aside: hitRate(hits, hits+misses, "cacheable process")}
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank[a], rank[b]), cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	for _, name := range names {
		s.rows = append(s.rows, row{figures: []string{fmt.Sprint(counts[name]), percent(counts[name], len(log))}, text: name})
	}
	return s
}

func hitRate(hits, all int, noun string) string {
	if all == 0 {
		return "nothing was asked of it: all was up to date, or not cacheable"
	}
	return fmt.Sprintf("%s hits: %d of %s", percent(hits, all), hits, count(all, noun))
}

// ofAnother is whether a log does not belong to the events.
func ofAnother(log []*execlog.Spawn, b *buildevents.Build) bool {
	const clocks = time.Second
	for _, s := range log {
		// A hit's start may be that of the execution long ago.
		if start := s.Metrics.Start; !s.CacheHit && s.Runner != execlog.Remote && !start.IsZero() {
			return start.Before(b.Started.Add(-clocks)) || !b.Finished.IsZero() && start.After(b.Finished.Add(clocks))
		}
	}
	return false
}

// missed lists the misses, without an earlier log that could tell why.
func missed(log []*execlog.Spawn, limit int) section {
	s := section{heading: "Missed", alert: true}
	misses := slices.DeleteFunc(slowestFirst(log), func(spawn *execlog.Spawn) bool { return !spawn.Missed() })
	for _, spawn := range misses[:min(limit, len(misses))] {
		s.rows = append(s.rows, row{figures: []string{span(time.Duration(spawn.Metrics.Total))}, text: title(spawn), name: true})
	}
	if len(misses) > 0 {
		s.more = strings.TrimPrefix(andMore(len(misses), limit)+"; why: --previous, with the log of an earlier build, tells", "; ")
	}
	return s
}

func title(s *execlog.Spawn) string {
	if s.TargetLabel == "" && len(s.Outputs) > 0 {
		return s.Mnemonic + " " + s.Outputs[0]
	}
	return s.Mnemonic + " " + short(s.TargetLabel)
}

// short is //a/b for //a/b:b.
func short(label string) string {
	path, name, ok := strings.Cut(label, ":")
	if _, last, slash := strings.Cut(path, "//"); ok && slash && last[strings.LastIndex(last, "/")+1:] == name && name != "" {
		return path
	}
	return label
}

func slowestFirst(log []*execlog.Spawn) []*execlog.Spawn {
	sorted := slices.Clone(log)
	slices.SortStableFunc(sorted, func(a, b *execlog.Spawn) int { return cmp.Compare(b.Metrics.Total, a.Metrics.Total) })
	return sorted
}

func slowest(log []*execlog.Spawn, limit int) section {
	s := section{heading: "Slowest"}
	sorted := slowestFirst(log)
	for _, spawn := range sorted[:min(limit, len(sorted))] {
		if took := time.Duration(spawn.Metrics.Total); took >= time.Millisecond {
			s.rows = append(s.rows, row{figures: []string{span(took), spawn.Runner}, text: title(spawn), name: true})
		}
	}
	return s
}

// moved are sums of sizes; Bazel does not tell what was really transferred.
func moved(in Input) section {
	s := section{heading: "Bytes"}
	add := func(n int64, what string) {
		if n > 0 {
			s.rows = append(s.rows, row{figures: []string{size(n)}, text: what})
		}
	}
	if in.Log != nil {
		var hits, misses, remote int64
		for _, spawn := range in.Log {
			var made int64
			for _, file := range spawn.Made {
				made += file.Value().Digest.SizeBytes
			}
			switch {
			case spawn.CacheHit:
				hits += made
			case spawn.Runner == execlog.Remote:
				remote += made
			case spawn.Missed():
				misses += made
			}
		}
		add(hits, "outputs of hits: caches sent at most so much")
		add(misses, "outputs of misses: caches were sent at most so much")
		add(remote, "outputs of remote actions: the cluster sent at most so much")
		add(remoteInputs(in.Log), "inputs of remote actions: the cluster was sent at most so much")
	}
	if in.Build.Metrics != nil && in.Build.Metrics.Network != nil {
		add(in.Build.Metrics.Network.Received, "received by this machine meanwhile, by all programs")
		add(in.Build.Metrics.Network.Sent, "sent by this machine meanwhile, by all programs")
	}
	return s
}

// remoteInputs is the size of what remote processes read and none has made: each content
// once, as a cluster is not sent what it has.
func remoteInputs(log []*execlog.Spawn) int64 {
	var sum int64
	there := make(map[execlog.Digest]bool)
	for _, spawn := range log {
		if spawn.Runner != execlog.Remote && spawn.Runner != execlog.RemoteCacheHit {
			continue
		}
		for _, file := range spawn.Made {
			there[file.Value().Digest] = true
		}
	}
	for _, spawn := range log {
		if spawn.Runner != execlog.Remote || spawn.CacheHit {
			continue
		}
		for _, file := range spawn.Inputs {
			if digest := file.Value().Digest; !there[digest] {
				there[digest] = true
				sum += digest.SizeBytes
			}
		}
	}
	return sum
}
