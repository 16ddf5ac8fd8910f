package inventory

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// readManifest returns the regular files of a manifest, in its order. Its first line names the
// columns, which mkportable documents.
func readManifest(name string) ([]File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer file.Close()
	var files []File
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 7 {
			return nil, fmt.Errorf("manifest %q line %d has %d columns, not 7; make it with this version of mkportable", name, number, len(fields))
		}
		if path, kind, content, origin := fields[0], fields[1], fields[5], fields[6]; kind == "file" {
			files = append(files, File{Path: path, SHA256: content, Origin: origin})
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read manifest %q: %w", name, err)
	}
	return files, nil
}
