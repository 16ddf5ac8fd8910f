package program

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func lay(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCommand(t *testing.T) {
	root := t.TempDir()
	lay(t, root, "imported/bin/tool", "imported/lib/ld-linux-x86-64.so.2", "imported/lib/libc.so.6", "plain/bin/tool")
	// As in runfiles, where nothing lies beside the link.
	link := filepath.Join(root, "tool")
	if err := os.Symlink("imported/bin/tool", link); err != nil {
		t.Fatal(err)
	}
	lib := filepath.Join(root, "imported/lib")
	for path, want := range map[string][]string{
		link:                                  {filepath.Join(lib, "ld-linux-x86-64.so.2"), "--library-path", lib, filepath.Join(root, "imported/bin/tool"), "-x"},
		filepath.Join(root, "plain/bin/tool"): {filepath.Join(root, "plain/bin/tool"), "-x"},
	} {
		program, err := Find(path)
		if err != nil {
			t.Fatal(err)
		}
		if words := program.Words("-x"); !slices.Equal(words, want) {
			t.Errorf("words are %q, want %q", words, want)
		}
		cmd := program.Command(t.Context(), "-x")
		if !slices.Equal(cmd.Args, want) {
			t.Errorf("got %q, want %q", cmd.Args, want)
		}
		if cmd.Env == nil || len(cmd.Env) > 0 {
			t.Errorf("the environment is %q, not empty", cmd.Env)
		}
	}
}

func TestFindFailures(t *testing.T) {
	root := t.TempDir()
	lay(t, root, "bin/tool", "lib/ld-linux.so.2", "lib/ld-linux-x86-64.so.2")
	for _, name := range []string{"bin/tool", "bin/missing"} {
		if _, err := Find(filepath.Join(root, name)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
