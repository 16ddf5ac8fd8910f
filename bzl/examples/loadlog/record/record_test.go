package record

import (
	"os"
	"path/filepath"
	"testing"
)

func TestAddForgetsTheOldest(t *testing.T) {
	file := filepath.Join(t.TempDir(), "samples")
	for _, sample := range []string{"a", "b", "c"} {
		if err := Add(file, sample, 2); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != "b\nc\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestFileNeedsAStateDirectory(t *testing.T) {
	t.Setenv("STATE_DIRECTORY", "relative")
	if file, err := File(); err == nil {
		t.Errorf("got %q", file)
	}
}
