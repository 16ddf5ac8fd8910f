package suite

import (
	"os"
	"path/filepath"
	"testing"

	"example.org/portable-walkthrough-go/tools/skip"
)

// outcome is a testing.TB that records how the test ended.
type outcome struct {
	testing.TB
	skipped, failed bool
}

func (o *outcome) Helper()               {}
func (o *outcome) Skipf(string, ...any)  { o.skipped = true }
func (o *outcome) Fatalf(string, ...any) { o.failed = true }

func TestAnalyze(t *testing.T) {
	for name, test := range map[string]struct {
		script   string // "" for no program
		required string
		want     outcome
	}{
		"none":                {"", "", outcome{skipped: true}},
		"none, required":      {"", "1", outcome{failed: true}},
		"old":                 {"echo systemd 253 '(253.1)'", "", outcome{skipped: true}},
		"old, required":       {"echo systemd 253 '(253.1)'", "1", outcome{failed: true}},
		"broken, required":    {"exit 1", "1", outcome{failed: true}},
		"oldest":              {"echo systemd 254 '(254.5)'", "", outcome{}},
		"new, required":       {"echo systemd 262 '(262-1)'", "1", outcome{}},
		"no number":           {"echo hello", "", outcome{skipped: true}},
		"no number, required": {"echo hello", "1", outcome{failed: true}},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			program := filepath.Join(directory, "systemd-analyze")
			if test.script != "" {
				if err := os.WriteFile(program, []byte("#!/bin/sh\n"+test.script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", directory)
			t.Setenv(skip.Never, test.required)
			got := outcome{TB: t}
			found := Analyze(&got)
			if got.skipped != test.want.skipped || got.failed != test.want.failed {
				t.Errorf("skipped %v, failed %v", got.skipped, got.failed)
			}
			if ok := !got.skipped && !got.failed; ok != (found == program) {
				t.Errorf("found %q", found)
			}
		})
	}
}
