package squashfs

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// Diff lists the differences of two images, a line for each. It returns no lines if they have the
// same bytes. Images with the same paths may still differ in how the file
// system was made, or in the order of its blocks; there are lines for that as well.
func (u Unsquashfs) Diff(ctx context.Context, a, b string) ([]string, error) {
	offset, err := firstDifference(a, b)
	if err != nil || offset < 0 {
		return nil, err
	}
	var entries [2][]Entry
	var made [2][]string
	for i, image := range []string{a, b} {
		if entries[i], err = u.List(ctx, image); err != nil {
			return nil, err
		}
		if made[i], err = u.Superblock(ctx, image); err != nil {
			return nil, err
		}
	}
	lines := Compare(entries[0], entries[1])
	for i, line := range made[0] {
		if i < len(made[1]) && line != made[1][i] {
			lines = append(lines, fmt.Sprintf("file system: %s, against %s", line, made[1][i]))
		}
	}
	return append(lines, fmt.Sprintf("bytes: the first that differs is at %d", offset)), nil
}

// Compare lists the differences of two listings, in the order of paths.
func Compare(a, b []Entry) []string {
	inB := make(map[string]Entry, len(b))
	for _, e := range b {
		inB[e.Path] = e
	}
	type line struct{ path, text string }
	var lines []line
	add := func(path, format string, args ...any) {
		lines = append(lines, line{path, path + ": " + fmt.Sprintf(format, args...)})
	}
	for _, e := range a {
		other, ok := inB[e.Path]
		delete(inB, e.Path)
		if !ok {
			add(e.Path, "only in the first")
			continue
		}
		for _, name := range fieldNames {
			if x, y := e.Fields[name], other.Fields[name]; x != y {
				add(e.Path, "%s %s, against %s", name, orNone(x), orNone(y))
			}
		}
	}
	for path := range inB {
		add(path, "only in the second")
	}
	slices.SortStableFunc(lines, func(a, b line) int { return strings.Compare(a.path, b.path) })
	var all []string
	for _, l := range lines {
		all = append(all, l.text)
	}
	return all
}

func orNone(value string) string {
	if value == "" {
		return "none"
	}
	return value
}

// Superblock returns the parameters stored in an image: compression, block size, time and
// so on, a line each.
func (u Unsquashfs) Superblock(ctx context.Context, image string) ([]string, error) {
	out, err := u.Command(ctx, "-UTC", "-s", image).Output()
	if err != nil {
		return nil, fmt.Errorf("unsquashfs -s %q: %w", image, err)
	}
	lines := strings.Split(string(out), "\n")
	// The first names the file.
	return lines[1:], nil
}

// firstDifference returns where two files differ, -1 if they don't.
func firstDifference(a, b string) (int64, error) {
	var files [2]*bufio.Reader
	for i, name := range []string{a, b} {
		file, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		defer file.Close()
		files[i] = bufio.NewReader(file)
	}
	var x, y [1 << 15]byte
	for at := int64(0); ; {
		n, errX := io.ReadFull(files[0], x[:])
		m, errY := io.ReadFull(files[1], y[:])
		for _, err := range []error{errX, errY} {
			if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				return 0, err
			}
		}
		if !bytes.Equal(x[:n], y[:m]) {
			for i := range min(n, m) {
				if x[i] != y[i] {
					return at + int64(i), nil
				}
			}
			return at + int64(min(n, m)), nil
		}
		if errX != nil {
			return -1, nil
		}
		at += int64(n)
	}
}
