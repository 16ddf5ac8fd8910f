package proof

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
	"example.org/portable-walkthrough-go/tools/remote/nested"
)

// A chain of three actions and a test, an action that stands alone, and one that no cache
// may keep.
const files = `
-- WORKSPACE --
-- .bazelrc --
common --noenable_bzlmod --enable_workspace --incompatible_strict_action_env
common --curses=no --noshow_progress
-- grammar.txt --
one
-- banner.txt --
banner
-- program_test.sh --
#!/bin/sh
grep -q ONE program.txt
-- BUILD.bazel --
genrule(
    name = "parse",
    srcs = ["grammar.txt"],
    outs = ["parsed.txt"],
    cmd = "test -s $< && tr a-z A-Z <$< >$@",
)

genrule(
    name = "compile",
    srcs = [":parse"],
    outs = ["compiled.txt"],
    cmd = "sort $< >$@",
)

genrule(
    name = "link",
    srcs = [":compile", "banner.txt"],
    outs = ["program.txt"],
    cmd = "cat $(SRCS) >$@",
)

genrule(
    name = "icon",
    outs = ["icon.txt"],
    cmd = "echo icon >$@",
)

genrule(
    name = "clock",
    outs = ["clock.txt"],
    cmd = "echo tick >$@",
    tags = ["no-cache"],
)

sh_test(
    name = "program_test",
    size = "small",
    srcs = ["program_test.sh"],
    data = [":link"],
)
`

// A workspace is where Bazel builds.
type workspace struct {
	nested.Bazel
	cache, logs string
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	repository, err := nested.Workspace()
	if err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	w := &workspace{
		Bazel: nested.Bazel{
			Dir:        filepath.Join(scratch, "workspace"),
			Launcher:   filepath.Join(repository, "tools/bazel"),
			OutputBase: filepath.Join(scratch, "base"),
		},
		cache: filepath.Join(scratch, "cache"),
		logs:  filepath.Join(scratch, "logs"),
	}
	for _, directory := range []string{w.Dir, w.logs} {
		if err := os.Mkdir(directory, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range txtar.Parse([]byte(files)).Files {
		w.write(t, file.Name, string(file.Data))
	}
	version, err := os.ReadFile(filepath.Join(repository, ".bazelversion"))
	if err != nil {
		t.Fatal(err)
	}
	w.write(t, ".bazelversion", string(version))
	t.Cleanup(func() {
		if err := w.Remove(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *workspace) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

func (w *workspace) clean(t *testing.T) {
	t.Helper()
	if out, err := w.Command("clean").CombinedOutput(); err != nil {
		t.Fatalf("bazel clean: %v: %s", err, out)
	}
}

func (w *workspace) build(t *testing.T, name, exit string, args ...string) build {
	t.Helper()
	events, log := name+".events.json", name+".log.json"
	args = append(args,
		"--disk_cache="+w.cache,
		"--build_event_json_file="+filepath.Join(w.logs, events),
		"--execution_log_json_file="+filepath.Join(w.logs, log),
		"//...")
	out, err := w.Command("test", args...).CombinedOutput()
	if (err == nil) != (exit == "SUCCESS") {
		t.Fatalf("%s: bazel test: %v: %s", name, err, out)
	}
	var b build
	if b.events, err = buildevents.Read(w.open(t, events)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if b.log, err = execlog.Read(w.open(t, log)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if b.events.Exit != exit || !b.events.Complete {
		t.Errorf("%s: the events end with %q, complete: %v, want %q", name, b.events.Exit, b.events.Complete, exit)
	}
	if *update && slices.Contains(kept, name) {
		w.keep(t, events, log)
	}
	return b
}

func (w *workspace) open(t *testing.T, name string) *os.File {
	t.Helper()
	file, err := os.Open(filepath.Join(w.logs, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}
