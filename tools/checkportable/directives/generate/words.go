package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
	"example.org/portable-walkthrough-go/tools/suite"
)

// unitTypes are the types of units in which systemd reads a section's directives.
var unitTypes = map[string]string{"Service": "service", "Socket": "socket", "Timer": "timer", "Path": "path", "Unit": "target"}

// words asks each systemd which words it accepts for directives whose value is one of a set
// of words, and which directives may be empty. It tries all texts in systemd's own files
// that can be words, so it needs no list of them.
func words(ctx context.Context, roots []*suite.Root, items [][]item) (string, error) {
	known := map[[2]string][]int{} // set and word: the versions that accept it
	asked := map[string][]int{}    // set: the versions that have it
	texts, err := candidates(roots)
	if err != nil {
		return "", err
	}
	for at, root := range roots {
		have := map[string]string{} // a directive's section
		for _, i := range items[at] {
			if unitTypes[i.section] == "" {
				continue
			}
			have[i.section+"."+i.name] = i.section
			if have[i.name] == "" {
				have[i.name] = i.section
			}
		}
		add := func(set, word string) {
			known[[2]string{set, word}] = append(known[[2]string{set, word}], root.Version)
		}
		for _, set := range grammar.WordSets() {
			section := have[set]
			if section == "" {
				continue
			}
			asked[set] = append(asked[set], root.Version)
			name := set[strings.LastIndexByte(set, '.')+1:]
			taken, err := ask(ctx, root, section, texts, func(text string) string { return name + "=" + text })
			if err != nil {
				return "", err
			}
			for _, text := range taken {
				// It accepts any name of a file system, and booleans have many spellings.
				_, isBool := grammar.Bool(text)
				if (set != "RestrictFileSystems" || strings.HasPrefix(text, "@")) && (!isBool || slices.Contains([]string{"yes", "no", "0", "1"}, text)) {
					add(set, text)
				}
			}
		}
		for section := range unitTypes {
			var names []string
			for _, i := range items[at] {
				if i.section == section {
					names = append(names, i.name)
				}
			}
			taken, err := ask(ctx, root, section, names, func(name string) string { return name + "=" })
			if err != nil {
				return "", err
			}
			for _, name := range taken {
				add(grammar.Empty, section+"."+name)
			}
			for _, name := range names {
				asked[section+"."+name] = append(asked[section+"."+name], root.Version)
			}
		}
	}
	// systemd silently ignores capabilities that it does not know, so asking it shows nothing.
	for _, text := range texts {
		if capability.MatchString(text) {
			key := [2]string{"CapabilityBoundingSet", strings.ToUpper(text)}
			asked[key[0]], known[key] = []int{roots[0].Version}, []int{roots[0].Version}
		}
	}
	var table strings.Builder
	for _, key := range slices.SortedFunc(maps.Keys(known), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	}) {
		of := asked[key[0]]
		if key[0] == grammar.Empty {
			of = asked[key[1]]
		}
		since, until := slices.Min(known[key]), slices.Max(known[key])
		fmt.Fprintf(&table, "%s\t%s\t%s\t%s\n", key[0], key[1], but(since, slices.Min(of)), but(until, slices.Max(of)))
	}
	return table.String(), nil
}

// but returns a version, or "" if it is the same as the other one.
func but(version, than int) string {
	if version == than {
		return ""
	}
	return strconv.Itoa(version)
}

var (
	word       = regexp.MustCompile(`[@A-Za-z][A-Za-z0-9_+.@-]*`)
	capability = regexp.MustCompile(`^cap_[a-z_]+$`)
	boundary   = regexp.MustCompile(`[-_@.+]`)
)

// candidates returns all texts in systemd's programs and libraries, and in libseccomp, that
// can be words. If a text is the end of another one, the linker keeps only the longer one.
// So the part after a separator is a candidate too, and the texts of all versions are
// candidates for each.
func candidates(roots []*suite.Root) ([]string, error) {
	all := map[string]bool{"": true}
	for n := range 201 {
		all[strconv.Itoa(n)] = true
	}
	var files []string
	for _, root := range roots {
		files = append(files, filepath.Join(root.Dir, "usr/lib/systemd/systemd"))
		for _, dir := range root.Libraries() {
			for _, pattern := range []string{"libsystemd-*.so", "libseccomp.so.2"} {
				found, _ := filepath.Glob(filepath.Join(dir, pattern))
				files = append(files, found...)
			}
		}
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, text := range word.FindAll(content, -1) {
			if text = bytes.TrimRight(text, ".-+"); len(text) == 0 || len(text) > 32 {
				continue
			}
			all[string(text)] = true
			for _, at := range boundary.FindAllIndex(text, -1) {
				if rest := text[at[1]:]; word.Match(rest) && bytes.IndexByte([]byte("_+.-"), rest[0]) < 0 {
					all[string(rest)] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(all)), nil
}

// ask makes systemd read a line for each text, and returns the texts that it accepts.
func ask(ctx context.Context, root *suite.Root, section string, texts []string, line func(string) string) ([]string, error) {
	const sentinel = "NoSuchDirective=1"
	dir, err := os.MkdirTemp("", "words")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var taken []string
	for len(texts) > 0 {
		content := bytes.NewBufferString("[" + section + "]\n")
		for _, text := range texts {
			fmt.Fprintln(content, line(text))
		}
		fmt.Fprintln(content, sentinel)
		name := "words." + unitTypes[section]
		file, err := suite.Write(dir, name, content.String())
		if err != nil {
			return nil, err
		}
		said, err := root.Verify(ctx, file)
		if err != nil {
			return nil, err
		}
		wrong := map[int]bool{}
		last := 0
		for _, s := range said[name] {
			wrong[s.Line] = true
			last = max(last, s.Line)
		}
		if last == 0 {
			return nil, fmt.Errorf("systemd %d reports nothing for %s, not even for %s", root.Version, line(texts[0]), sentinel)
		}
		// If systemd refuses the unit for a line, it reads no further.
		read := min(last-1, len(texts))
		for at, text := range texts[:read] {
			if !wrong[at+2] {
				taken = append(taken, text)
			}
		}
		texts = texts[read:]
	}
	return taken, nil
}
