package image

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
)

// names are those of one directory, sorted: all in one piece, because a million strings
// would take three times the memory.
type names struct {
	text []byte
	// starts has where each begins; it ends at the slash, which no name has in it.
	starts []uint32
}

func readNames(directory string) (names, error) {
	var n names
	file, err := os.Open(directory)
	if err != nil {
		return n, err
	}
	defer file.Close()
	for {
		const atOnce = 1000
		some, err := file.Readdirnames(atOnce)
		for _, name := range some {
			n.starts = append(n.starts, uint32(len(n.text)))
			n.text = append(append(n.text, name...), '/')
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return n, err
		}
	}
	slices.SortFunc(n.starts, func(a, b uint32) int { return bytes.Compare(n.at(a), n.at(b)) })
	return n, nil
}

func (n *names) at(start uint32) []byte {
	rest := n.text[start:]
	return rest[:bytes.IndexByte(rest, '/')]
}

// next takes the first name off; false if there is none left.
func (n *names) next() (string, bool) {
	if len(n.starts) == 0 {
		return "", false
	}
	name := string(n.at(n.starts[0]))
	n.starts = n.starts[1:]
	return name, true
}
