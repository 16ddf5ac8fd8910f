// Package record keeps the latest samples in a file, one a line.
package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// File returns the file of samples in systemd's $STATE_DIRECTORY.
func File() (string, error) {
	directory := os.Getenv("STATE_DIRECTORY")
	if !filepath.IsAbs(directory) {
		return "", fmt.Errorf("$STATE_DIRECTORY is %q; a unit sets it by StateDirectory=", directory)
	}
	return filepath.Join(directory, "samples"), nil
}

// Add appends a sample and forgets all but the latest keep. A reader sees the file as
// it was or as it is, never half of it.
func Add(file, sample string, keep int) error {
	lines, err := read(file)
	if err != nil {
		return err
	}
	lines = append(lines, sample)
	lines = lines[max(0, len(lines)-keep):]
	making := file + ".new"
	if err := os.WriteFile(making, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(making, file)
}

func read(file string) ([]string, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(content), "\n"), "\n"), nil
}
