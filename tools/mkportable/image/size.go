package image

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// largest is the number of files that the error about an image's size lists.
const largest = 10

// CheckSize returns an error if the named image has more than max bytes. The error names the
// label and lists the largest files of the image's manifest, with their sizes before
// compression. Otherwise it writes output as an empty file.
func CheckSize(label, image, manifest, output string, max int64) error {
	info, err := os.Stat(image)
	if err != nil {
		return fmt.Errorf("read image: %w", err)
	}
	if info.Size() <= max {
		return os.WriteFile(output, nil, 0o644)
	}
	files, err := sizes(manifest)
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	var list strings.Builder
	for _, f := range files[:min(largest, len(files))] {
		fmt.Fprintf(&list, "\n%12d  %s (from %s)", f.size, f.path, f.origin)
	}
	return fmt.Errorf("%s: the image has %d bytes, %d more than max_size = %d; pack less, or raise max_size. Its largest files, in bytes before compression:%s", label, info.Size(), info.Size()-max, max, list.String())
}

type sizedFile struct {
	path, origin string
	size         int64
}

// sizes returns the files of a manifest, the largest first.
func sizes(manifest string) ([]sizedFile, error) {
	file, err := os.Open(manifest)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var files []sizedFile
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 7 || fields[1] != "file" {
			continue
		}
		size, err := strconv.ParseInt(fields[4], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: size %q is not a number", fields[0], fields[4])
		}
		files = append(files, sizedFile{fields[0], fields[6], size})
	}
	slices.SortFunc(files, func(a, b sizedFile) int { return cmp.Or(cmp.Compare(b.size, a.size), cmp.Compare(a.path, b.path)) })
	return files, lines.Err()
}
