// Package squashfs reads images with unsquashfs: it lists them, unpacks them, and compares
// of them differ, in words that lead to the cause: the path and the field. //tools/imagediff
// is its command.
package squashfs

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"strconv"
	"strings"

	"example.org/portable-walkthrough-go/tools/program"
)

// An Unsquashfs is the program that reads images.
type Unsquashfs struct{ program.Program }

// An Entry is one path of an image.
type Entry struct {
	// Path is absolute.
	Path string
	// Fields are its properties by name: type, mode, uid, gid, time (seconds
	// since the epoch), and a file's size and content, or a symlink's target.
	Fields map[string]string
}

// String is a line without the content's digest, for a listing that people read.
func (e Entry) String() string {
	line := fmt.Sprintf("%-9s %4s %s:%s %s %9s %s", e.Fields["type"], e.Fields["mode"], e.Fields["uid"], e.Fields["gid"], e.Fields["time"], cmp.Or(e.Fields["size"], "-"), e.Path)
	if target := e.Fields["target"]; target != "" {
		line += " -> " + target
	}
	return line
}

// fieldNames are an entry's fields in the order in which they are compared.
var fieldNames = []string{"type", "mode", "uid", "gid", "time", "size", "content", "target"}

// types maps mksquashfs's letters to the types of entries.
var types = map[string]string{
	"D": "directory", "R": "file", "S": "symlink", "L": "hard link", "B": "block device",
	"C": "character device", "I": "pipe or socket",
}

// List returns an image's entries in the order in which it has them.
func (u Unsquashfs) List(ctx context.Context, image string) ([]Entry, error) {
	cmd := u.Command(ctx, "-no-progress", "-quiet", "-pf", "-", image)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	entries, err := parse(bufio.NewReaderSize(out, 1<<16))
	if err != nil {
		// Read the rest, so that unsquashfs can exit.
		_, _ = io.Copy(io.Discard, out)
	}
	if waitErr := cmd.Wait(); waitErr != nil {
		return nil, fmt.Errorf("unsquashfs %q: %w: %s", image, waitErr, bytes.TrimSpace(said.Bytes()))
	}
	if err != nil {
		return nil, fmt.Errorf("listing of %q: %w", image, err)
	}
	return entries, nil
}

// parse reads mksquashfs's pseudo file format (unsquashfs -pf), which has times to the second, and
// the contents one after the other after the listing.
func parse(r *bufio.Reader) ([]Entry, error) {
	var entries []Entry
	var files []*data
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("it ends within the listing: %w", err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "#" {
			break
		}
		entry, file, err := parseLine(line)
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry)
		if file != nil {
			file.entry = len(entries) - 1
			files = append(files, file)
		}
	}
	for range 2 { // START OF DATA, and a line "#"
		if _, err := r.ReadString('\n'); err != nil {
			return nil, fmt.Errorf("it ends before the contents: %w", err)
		}
	}
	return entries, readContents(r, entries, files)
}

// data is the position of a file's content.
type data struct {
	entry        int
	size, offset int64
}

func parseLine(line string) (Entry, *data, error) {
	path, rest := cutPath(line)
	e := Entry{Path: "/" + strings.TrimPrefix(path, "/")}
	if of, ok := strings.CutPrefix(rest, "L "); ok {
		e.Fields = map[string]string{"type": types["L"], "target": of}
		return e, nil, nil
	}
	f := strings.SplitN(rest, " ", 6)
	if len(f) < 5 {
		return Entry{}, nil, fmt.Errorf("%q is not a line of a listing", line)
	}
	e.Fields = map[string]string{"type": types[f[0]], "time": f[1], "mode": fmt.Sprintf("%04s", f[2]), "uid": owner(f[3]), "gid": owner(f[4])}
	switch f[0] {
	case "S":
		if len(f) == 6 {
			e.Fields["target"] = f[5]
		}
	case "R":
		d := new(data)
		var sparse int
		if len(f) != 6 {
			return Entry{}, nil, fmt.Errorf("%q has no position of the content", line)
		}
		if _, err := fmt.Sscanf(f[5], "%d %d %d", &d.size, &d.offset, &sparse); err != nil {
			return Entry{}, nil, fmt.Errorf("%q: %w", line, err)
		}
		e.Fields["size"] = strconv.FormatInt(d.size, 10)
		return e, d, nil
	}
	return e, nil, nil
}

// owner undoes that unsquashfs writes the upper half of all owners as negative numbers.
func owner(id string) string {
	if n, err := strconv.ParseInt(id, 10, 32); err == nil {
		return strconv.FormatUint(uint64(uint32(n)), 10)
	}
	return id
}

// cutPath cuts a line behind its path, in which a backslash takes a character as
// it is.
func cutPath(line string) (path, rest string) {
	var b strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == ' ':
			return b.String(), line[i+1:]
		case line[i] == '\\' && i+1 < len(line):
			i++
		}
		b.WriteByte(line[i])
	}
	return b.String(), ""
}

// readContents adds the digests of the contents, which follow in the files' order.
func readContents(r io.Reader, entries []Entry, files []*data) error {
	var at int64
	for _, file := range files {
		// Empty ones have no place of their own.
		digest := sha256.New()
		if file.size > 0 {
			if file.offset != at {
				return fmt.Errorf("%q: its content is at %d, not at %d", entries[file.entry].Path, file.offset, at)
			}
			n, err := io.CopyN(digest, r, file.size)
			if err != nil {
				return fmt.Errorf("%q: content: %w", entries[file.entry].Path, err)
			}
			at += n
		}
		entries[file.entry].Fields["content"] = fmt.Sprintf("sha256:%x", digest.Sum(nil)[:8])
	}
	return nil
}
