package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSample(t *testing.T) {
	state := t.TempDir()
	t.Setenv("STATE_DIRECTORY", state)
	config := write(t, "conf", "# comment\nkeep = 2\n")
	loadavg := write(t, "loadavg", "0.52 0.40 0.31 1/123 4567\n")
	for second := range int64(3) {
		if err := sample(config, loadavg, time.Unix(second, 0)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(state, "samples"))
	if want := "1970-01-01T00:00:01Z 0.52 0.40 0.31\n1970-01-01T00:00:02Z 0.52 0.40 0.31\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestBadSettings(t *testing.T) {
	for content, want := range map[string]string{"": "no line", "keep = many": `"many"`, "keep = 0": "from 1 on"} {
		if _, err := readKeep(write(t, "conf", content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", content, err, want)
		}
	}
}
