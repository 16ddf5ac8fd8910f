package execlog

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Field is a part of a spawn's key, or another reason why a cache did not answer.
type Field string

// The fields that differ between two builds.
const (
	Argument            Field = "argument"
	EnvironmentVariable Field = "environment variable"
	PlatformProperty    Field = "platform property"
	InputFile           Field = "input"
	OutputPath          Field = "output"
	Timeout             Field = "timeout"
)

// The reasons that are no difference of the key.
const (
	// NotBefore is a spawn that the previous log does not have: it is new, or was up to
	// date then.
	NotBefore Field = "not in the previous log"
	// NoCache is a spawn for which this build asked no cache.
	NoCache Field = "no cache was asked"
	// NotStored is a spawn that was the same in the previous build, which used no cache.
	NotStored Field = "same as before, when no cache was in use"
	// Lost is a spawn with the key that it had: the cache lost it, refuses it, is another
	// one, or was not written to.
	Lost Field = "same key as before"
	// FailedBefore is a spawn with the key that it had, and failed: no cache keeps failures.
	FailedBefore Field = "same key as before, when it failed"
	// Hidden is a spawn with another key, though the logs show no difference.
	Hidden Field = "another key, but the logs show no difference"
	// NotReproducible is an output with other content though the key is the same: what
	// uses it misses too.
	NotReproducible Field = "output that the same key made otherwise"
)

// A Difference is one reason why a cache did not answer. Reasons of several spawns can be
// compared with ==.
type Difference struct {
	Field Field
	// Name is that of the variable or property, or a path; empty for other fields.
	Name string
	// Before is empty if it was added, After if it was removed. A file is its digest,
	// HASH/SIZE, or "-> TARGET".
	Before, After  string
	Added, Removed bool
	// Maker is the spawn of this build that made the input otherwise than before, so that
	// its own differences are the reason. It is nil for all else.
	Maker *Spawn
}

// Differences compares the keys of what is the same spawn in two builds. If it is the
// directory of the configuration that changed ("k8-fastbuild"), then this is told once,
// as an output's path, and not of all other paths.
func Differences(before, now *Spawn) []Difference {
	renamed := func(text string) string { return text }
	var found []Difference
	if was, is := configuration(before), configuration(now); was != is {
		replacer := strings.NewReplacer("bazel-out/"+was+"/", "bazel-out/"+is+"/")
		renamed = replacer.Replace
		found = append(found, Difference{Field: OutputPath, Name: "configuration", Before: was, After: is})
	}
	found = append(found, words(Argument, mapped(before.Arguments, renamed), now.Arguments)...)
	environment := slices.Clone(before.Environment)
	for i := range environment {
		environment[i].Value = renamed(environment[i].Value)
	}
	found = append(found, variables(EnvironmentVariable, environment, now.Environment)...)
	found = append(found, variables(PlatformProperty, before.Platform.Properties, now.Platform.Properties)...)
	found = append(found, inputs(before.Inputs, now.Inputs, renamed)...)
	found = append(found, words(OutputPath, mapped(before.Outputs, renamed), now.Outputs)...)
	if before.TimeoutMillis != now.TimeoutMillis {
		found = append(found, Difference{Field: Timeout, Before: seconds(before.TimeoutMillis), After: seconds(now.TimeoutMillis)})
	}
	return found
}

func seconds(millis int64) string {
	return strconv.FormatFloat(float64(millis)/1000, 'f', -1, 64) + "s"
}

func mapped(words []string, by func(string) string) []string {
	result := make([]string, len(words))
	for i, word := range words {
		result[i] = by(word)
	}
	return result
}

// words tells which of a list are gone and which are new. What is only in another place
// is told once.
func words(field Field, before, now []string) []Difference {
	if slices.Equal(before, now) {
		return nil
	}
	count := make(map[string]int)
	for _, word := range before {
		count[word]++
	}
	var added, removed []string
	for _, word := range now {
		if count[word]--; count[word] < 0 {
			added = append(added, word)
		}
	}
	for _, word := range slices.Backward(before) {
		if count[word] > 0 {
			count[word]--
			removed = append(removed, word)
		}
	}
	slices.Reverse(removed)
	var found []Difference
	for i := range max(len(added), len(removed)) {
		d := Difference{Field: field}
		if d.Added = i >= len(removed); !d.Added {
			d.Before = removed[i]
		}
		if d.Removed = i >= len(added); !d.Removed {
			d.After = added[i]
		}
		found = append(found, d)
	}
	if len(found) == 0 {
		found = append(found, Difference{Field: field, Name: "order"})
	}
	return found
}

func variables(field Field, before, now []Variable) []Difference {
	if slices.Equal(before, now) {
		return nil
	}
	name := func(v Variable) string { return v.Name }
	value := func(v Variable) string { return v.Value }
	return named(field, before, now, name, value)
}

func inputs(before, now []Input, renamed func(string) string) []Difference {
	// Most are the same, and equal handles are equal files.
	for len(before) > 0 && len(now) > 0 && before[0] == now[0] {
		before, now = before[1:], now[1:]
	}
	for len(before) > 0 && len(now) > 0 && before[len(before)-1] == now[len(now)-1] {
		before, now = before[:len(before)-1], now[:len(now)-1]
	}
	was := make([]File, len(before))
	for i, input := range before {
		was[i] = input.Value()
		was[i].Path = renamed(was[i].Path)
	}
	is := make([]File, len(now))
	for i, input := range now {
		is[i] = input.Value()
	}
	return named(InputFile, was, is, func(f File) string { return f.Path }, File.content)
}

// named compares lists of things with names, in which each name occurs once.
func named[T comparable](field Field, before, now []T, name, value func(T) string) []Difference {
	old := make(map[string]T, len(before))
	for _, thing := range before {
		old[name(thing)] = thing
	}
	var found []Difference
	for _, thing := range now {
		was, ok := old[name(thing)]
		delete(old, name(thing))
		switch {
		case !ok:
			found = append(found, Difference{Field: field, Name: name(thing), After: value(thing), Added: true})
		case was != thing:
			found = append(found, Difference{Field: field, Name: name(thing), Before: value(was), After: value(thing)})
		}
	}
	for name, thing := range old {
		found = append(found, Difference{Field: field, Name: name, Before: value(thing), Removed: true})
	}
	slices.SortFunc(found, func(a, b Difference) int { return cmp.Compare(a.Name, b.Name) })
	return found
}

func (f File) content() string {
	if f.Target != "" {
		return "-> " + f.Target
	}
	return fmt.Sprintf("%s/%d", f.Digest.Hash, f.Digest.SizeBytes)
}

// configuration is the directory of outputs that the spawn's are in: "k8-fastbuild".
func configuration(s *Spawn) string {
	if len(s.Outputs) == 0 {
		return ""
	}
	name, _ := cutConfiguration(s.Outputs[0])
	return name
}

// cutConfiguration takes "k8-fastbuild" out of bazel-out/k8-fastbuild/bin/a.
func cutConfiguration(path string) (configuration, rest string) {
	below, ok := strings.CutPrefix(path, "bazel-out/")
	if !ok {
		return "", path
	}
	configuration, rest, ok = strings.Cut(below, "/")
	if !ok {
		return "", path
	}
	return configuration, "bazel-out/" + rest
}
