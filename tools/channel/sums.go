package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/sha256sum"
)

// sums are the digests of a directory's files, by name: the file SHA256SUMS.
type sums map[string]string

const sumsName, signatureName = "SHA256SUMS", "SHA256SUMS.gpg"

// parseSums reads SHA256SUMS, as sha256sum(1) writes it.
func parseSums(text []byte) (sums, error) {
	all := sums{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		// A digest, a space, and a space or an asterisk before the name.
		if len(line) < 67 || line[64] != ' ' || line[65] != ' ' && line[65] != '*' {
			return nil, fmt.Errorf("%s:%d: %q is not a line of sha256sum(1)", sumsName, number, line)
		}
		digest, name := line[:64], line[66:]
		if _, err := hex.DecodeString(digest); err != nil || strings.Contains(name, "/") {
			return nil, fmt.Errorf("%s:%d: %q is not a line of sha256sum(1) for a file in the same directory", sumsName, number, line)
		}
		all[name] = digest
	}
	return all, lines.Err()
}

// text is sorted by name.
func (s sums) text() []byte {
	var b bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(s)) {
		fmt.Fprintf(&b, "%s *%s\n", s[name], name)
	}
	return b.Bytes()
}

// writeSums is the rule's action.
func writeSums(out string, named []string) error {
	all := sums{}
	for _, word := range named {
		name, path, ok := strings.Cut(word, "=")
		if !ok {
			return fmt.Errorf("%q: want NAME=FILE", word)
		}
		var err error
		if all[name], err = sha256sum.OfFile(path); err != nil {
			return err
		}
	}
	return os.WriteFile(out, all.text(), 0o644)
}
