package execlog

import (
	"cmp"
	"slices"
)

// An Explanation says why the spawns of a build that a cache could have known were
// executed.
type Explanation struct {
	// Misses are those spawns, in the log's order.
	Misses []*Spawn
	// Causes are what it comes down to, the one with most misses first.
	Causes []Cause
}

// A Cause is a reason, or several that the same spawns have, and the misses it explains.
type Cause struct {
	Differences []Difference
	// Spawns have the differences themselves. There may be hits among them: somebody else
	// had built the same before, but not what was made of it.
	Spawns []*Spawn
	// Followers are misses because of what those spawns made, or what was made of that.
	Followers []*Spawn
}

// Misses is how many of the spawns and followers were not answered by a cache. They may
// have other causes too.
func (c *Cause) Misses() int {
	n := len(c.Followers)
	for _, s := range c.Spawns {
		if s.Missed() {
			n++
		}
	}
	return n
}

// Explain compares the spawns of a build with those of an earlier one, whose results the
// cache should have had. The more of that build was executed or fetched, the more is
// known; what was up to date then is in no log.
func Explain(now, before []*Spawn) *Explanation {
	e := &explainer{
		before: make(map[identity][]*Spawn),
		at:     make(map[place]*Spawn),
		makers: make(map[string][]*Spawn),
		causes: make(map[*Spawn][]int),
		index:  make(map[Difference]int),
	}
	for _, s := range before {
		e.before[identify(s)] = append(e.before[identify(s)], s)
	}
	for _, s := range now {
		for _, input := range s.Made {
			file := input.Value()
			content := file.content()
			_, path := cutConfiguration(file.Path)
			e.at[place{content, path}] = s
			// Whoever made an empty file, its content tells nothing.
			if file.Digest.SizeBytes > 0 {
				e.makers[content] = append(e.makers[content], s)
			}
		}
	}
	explanation := new(Explanation)
	for _, s := range now {
		if s.Missed() {
			explanation.Misses = append(explanation.Misses, s)
			e.explain(s)
		}
	}
	explanation.Causes = e.merged()
	return explanation
}

// An identity is what the same spawn has in two builds. Its output's path is without the
// directory of the configuration.
type identity struct{ mnemonic, label, output string }

func identify(s *Spawn) identity {
	id := identity{mnemonic: s.Mnemonic, label: s.TargetLabel}
	if len(s.Outputs) > 0 {
		_, id.output = cutConfiguration(s.Outputs[0])
	}
	return id
}

// A place is an output's content and path, that without the directory of the configuration.
type place struct{ content, path string }

type explainer struct {
	before map[identity][]*Spawn
	// at and makers are who made this build's outputs.
	at     map[place]*Spawn
	makers map[string][]*Spawn
	// causes are indices of the list.
	causes map[*Spawn][]int
	index  map[Difference]int
	list   []Cause
}

// explain finds the causes of a spawn: its own differences, and those of the spawns that
// made its inputs otherwise than before.
func (e *explainer) explain(s *Spawn) []int {
	if causes, ok := e.causes[s]; ok {
		return causes
	}
	// Actions have no cycles, but a file that two spawns wrote with the same content could
	// seem to be one.
	e.causes[s] = nil
	found := e.differences(s)
	var causes, own, others []int
	for _, d := range found {
		if d.Maker == nil {
			own = append(own, e.add(d, s))
		} else {
			others = append(others, e.explain(d.Maker)...)
		}
	}
	if len(own) == 0 && len(others) == 0 {
		// It only looked as if those had made it.
		for _, d := range found {
			d.Maker = nil
			own = append(own, e.add(d, s))
		}
	}
	slices.Sort(own)
	slices.Sort(others)
	for _, i := range slices.Compact(others) {
		if _, itself := slices.BinarySearch(own, i); !itself {
			causes = append(causes, i)
			if s.Missed() {
				e.list[i].Followers = append(e.list[i].Followers, s)
			}
		}
	}
	causes = append(causes, own...)
	e.causes[s] = causes
	return causes
}

// add lets a spawn be of those that have the difference themselves.
func (e *explainer) add(d Difference, s *Spawn) int {
	i, ok := e.index[d]
	if !ok {
		i = len(e.list)
		e.index[d] = i
		e.list = append(e.list, Cause{Differences: []Difference{d}})
	}
	e.list[i].Spawns = append(e.list[i].Spawns, s)
	return i
}

func (e *explainer) differences(s *Spawn) []Difference {
	if s.Key.Hash == "" {
		return []Difference{{Field: NoCache}}
	}
	candidates := e.before[identify(s)]
	if len(candidates) == 0 {
		return []Difference{{Field: NotBefore}}
	}
	for _, before := range candidates {
		if before.Key == s.Key {
			return sameKey(before, s)
		}
	}
	var best []Difference
	for i, before := range candidates {
		if found := Differences(before, s); i == 0 || len(found) < len(best) {
			best = found
		}
	}
	if len(best) == 0 {
		if candidates[0].Key.Hash == "" {
			return []Difference{{Field: NotStored}}
		}
		return []Difference{{Field: Hidden}}
	}
	for i, d := range best {
		best[i].Maker = e.maker(s, d)
	}
	return best
}

func sameKey(before, now *Spawn) []Difference {
	if before.Failed() {
		return []Difference{{Field: FailedBefore}}
	}
	found := []Difference{{Field: Lost}}
	if now.CacheHit {
		found = nil
	}
	for _, d := range inputs(before.Made, now.Made, func(path string) string { return path }) {
		d.Field = NotReproducible
		found = append(found, d)
	}
	return found
}

// maker finds who made an input that differs, by its content: in runfiles it has another
// path than where it was made.
func (e *explainer) maker(s *Spawn, d Difference) *Spawn {
	if d.Field != InputFile || d.Removed {
		return nil
	}
	_, path := cutConfiguration(d.Name)
	if path == d.Name {
		return nil // a source file
	}
	if maker := e.at[place{d.After, path}]; maker != nil {
		return maker
	}
	for _, maker := range e.makers[d.After] {
		if maker != s {
			return maker
		}
	}
	return nil
}

// merged makes one cause of those that have the same spawns.
func (e *explainer) merged() []Cause {
	type extent struct {
		first *Spawn
		n     int
	}
	var merged []Cause
	at := make(map[extent][]int)
next:
	for _, c := range e.list {
		x := extent{c.Spawns[0], len(c.Spawns)}
		for _, i := range at[x] {
			if slices.Equal(merged[i].Spawns, c.Spawns) {
				merged[i].Differences = append(merged[i].Differences, c.Differences...)
				continue next
			}
		}
		at[x] = append(at[x], len(merged))
		merged = append(merged, c)
	}
	slices.SortStableFunc(merged, func(a, b Cause) int { return cmp.Compare(b.Misses(), a.Misses()) })
	return merged
}
