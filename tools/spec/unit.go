package spec

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
)

// maxUnit bounds the size of units, which are read into memory.
const maxUnit = 1 << 20

// UnitText returns a unit's content, followed by its drop-ins.
func (e *Entry) UnitText() ([]byte, error) {
	var all []byte
	for i, source := range append([]string{e.Source}, e.Dropins...) {
		text, err := readUnit(source)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			if !bytes.HasPrefix(firstLine(text), []byte("[")) {
				return nil, fmt.Errorf("drop-in %q does not start with a section; begin it with one, as in \"[Service]\"", source)
			}
			all = fmt.Appendf(all, "\n# %s.d/%s\n", path.Base(e.Path), path.Base(source))
		}
		all = append(all, text...)
		if len(all) > 0 && all[len(all)-1] != '\n' && len(e.Dropins) > 0 {
			all = append(all, '\n')
		}
	}
	return all, nil
}

func readUnit(source string) ([]byte, error) {
	file, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxUnit+1))
	if err == nil && len(text) > maxUnit {
		err = fmt.Errorf("%q is larger than %d bytes; a unit must be smaller", source, maxUnit)
	}
	return text, err
}

// firstLine returns the first line that is neither empty nor a comment.
func firstLine(text []byte) []byte {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' && line[0] != ';' {
			return line
		}
	}
	return nil
}
