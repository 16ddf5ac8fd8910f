package main

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
)

// expectations are the rule's attributes. Files are runfiles locations.
type expectations struct {
	// Label is the test's.
	Label    string   `json:"label"`
	Image    string   `json:"image"`
	Manifest string   `json:"manifest"`
	Contains []string `json:"contains"`
	Absent   []string `json:"absent"`
	// MaxSize is in bytes; 0 allows any size.
	MaxSize int64 `json:"max_size"`
	// Golden is the file to compare with, or empty; Source is its path in the workspace.
	Golden string `json:"golden"`
	Source string `json:"source"`
}

// An entry is a path of an image, and the line for it in a golden file.
type entry struct{ path, line string }

// manifestColumns are those that portable_image writes.
const manifestColumns = "# path\ttype\tmode\towner\tsize\tcontent\torigin"

// parse reads a manifest.
func parse(manifest string) ([]entry, error) {
	lines := strings.Split(strings.TrimSuffix(manifest, "\n"), "\n")
	if lines[0] != manifestColumns {
		return nil, fmt.Errorf("its columns are %q, want %q", lines[0], manifestColumns)
	}
	var image []entry
	for _, line := range lines[1:] {
		fields := strings.Split(line, "\t")
		if len(fields) != 7 {
			return nil, fmt.Errorf("line %q has %d fields, want 7", line, len(fields))
		}
		text := fmt.Sprintf("%-9s %-4s %s %s", fields[1], fields[2], fields[3], fields[0])
		if fields[1] == "symlink" {
			text += " -> " + fields[5]
		}
		image = append(image, entry{fields[0], text})
	}
	return image, nil
}

// judge returns the mistakes of an image of that size, except those that the golden file shows.
func (e *expectations) judge(image []entry, size int64) (mistakes []string, err error) {
	for _, pattern := range e.Contains {
		found, err := find(image, pattern)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			mistakes = append(mistakes, fmt.Sprintf("%s: the image does not have %s%s", e.Label, pattern, similar(image, pattern)))
		}
	}
	for _, pattern := range e.Absent {
		found, err := find(image, pattern)
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			mistakes = append(mistakes, fmt.Sprintf("%s: the image has %s, which matches %s in absent", e.Label, name, pattern))
		}
	}
	if e.MaxSize > 0 && size > e.MaxSize {
		mistakes = append(mistakes, fmt.Sprintf("%s: the image has %d bytes, %d more than max_size = %d; --output_groups=manifest lists its files with their sizes", e.Label, size, size-e.MaxSize, e.MaxSize))
	}
	return mistakes, nil
}

// find returns the paths that match a pattern, as path.Match defines it; one that ends
// with a slash matches everything below a directory.
func find(image []entry, pattern string) (found []string, err error) {
	for _, e := range image {
		ok, err := path.Match(pattern, e.path)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", pattern, err)
		}
		if ok || strings.HasSuffix(pattern, "/") && strings.HasPrefix(e.path, pattern) {
			found = append(found, e.path)
		}
	}
	return found, nil
}

// similar names files of the same name in other directories.
func similar(image []entry, pattern string) string {
	var all []string
	for _, e := range image {
		if path.Base(e.path) == path.Base(pattern) && !strings.HasPrefix(e.line, "directory ") {
			all = append(all, e.path)
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "; it has " + strings.Join(all, ", ")
}

const goldenHeader = "# What the image holds: type, mode, owner, path. portable_image_test compares this with the image.\n"

// golden returns the golden file of an image.
func golden(image []entry) string {
	var text strings.Builder
	text.WriteString(goldenHeader)
	for _, e := range image {
		text.WriteString(e.line + "\n")
	}
	return text.String()
}

// parseGolden reads a golden file.
func parseGolden(text string) (all []entry, err error) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		at := strings.Index(line, "/")
		if at < 0 {
			return nil, errors.New("line " + strconv.Quote(line) + " has no path")
		}
		name, _, _ := strings.Cut(line[at:], " -> ")
		all = append(all, entry{name, line})
	}
	return all, nil
}

// compare returns how an image differs from its golden file, as a diff.
func (e *expectations) compare(text string, image []entry) []string {
	want, err := parseGolden(text)
	if err != nil {
		return []string{fmt.Sprintf("%s: %s: %v", e.Label, e.Source, err)}
	}
	type change struct{ path, line string }
	var changes []change
	add := func(sign string, from, not []entry) {
		for _, x := range from {
			if !slices.Contains(not, x) {
				changes = append(changes, change{x.path, sign + x.line})
			}
		}
	}
	add("-", want, image)
	add("+", image, want)
	if len(changes) == 0 {
		return nil
	}
	slices.SortStableFunc(changes, func(a, b change) int { return strings.Compare(a.path, b.path) })
	lines := []string{fmt.Sprintf("%s: the image is not what the golden file says", e.Label), "--- " + e.Source, "+++ the image"}
	for _, c := range changes {
		lines = append(lines, c.line)
	}
	return append(lines, fmt.Sprintf("fix: if the image is right, bazel run %s -- -update", e.Label))
}
