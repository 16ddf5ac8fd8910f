package grammar

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/suite"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// There is no finding for the units that come with systemd.
func TestUnitsOfSystemd(t *testing.T) {
	for _, root := range suite.All(t) {
		files, err := filepath.Glob(filepath.Join(root.UnitDir(), "*.*"))
		if err != nil {
			t.Fatal(err)
		}
		lines := 0
		for _, file := range files {
			content, err := os.ReadFile(file)
			if err != nil {
				continue // a directory, or a symlink to another package's unit
			}
			for _, a := range unitfile.Parse(content).Assignments {
				lines++
				for _, f := range Check(strings.Replace(filepath.Base(file), "@.", "@instance.", 1), a.Section, a.Name, a.Value) {
					if f.Is != "" && f.Effect != Discouraged {
						t.Errorf("systemd %d: %s:%d: %s=%s: %q %s", root.Version, filepath.Base(file), a.Line, a.Name, a.Value, f.Part, f.Is)
					}
				}
			}
		}
		if lines < 1000 {
			t.Errorf("systemd %d has only %d lines", root.Version, lines)
		}
	}
}
