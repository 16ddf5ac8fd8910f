package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestWorkspaceStatus(t *testing.T) {
	script, err := filepath.Abs("workspace_status")
	if err != nil {
		t.Fatal(err)
	}
	status := func(directory string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), script)
		command.Dir = directory
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	g := repository(t)
	hash, err := g.lines(t.Context(), "rev-parse", "HEAD")
	if err != nil {
		t.Fatal(err)
	}
	short, ok := strings.CutPrefix(strings.TrimSpace(status(g.directory)), "STABLE_VCS_REF ")
	if !ok || len(short) < 4 || !strings.HasPrefix(hash[0], short) {
		t.Errorf("%q is not the commit %s", short, hash)
	}
	do(t, g, "tag", "v1.2.3")
	if got := status(g.directory); got != "STABLE_VCS_REF v1.2.3\n" {
		t.Errorf("got %q at a tag", got)
	}
	write(t, filepath.Join(g.directory, "README"), "changed\n")
	if got := status(g.directory); got != "STABLE_VCS_REF v1.2.3-dirty\n" {
		t.Errorf("got %q of changed files", got)
	}
	// Neither fails a build.
	if got := status(t.TempDir()); got != "" {
		t.Errorf("got %q outside of a repository", got)
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	without := exec.CommandContext(t.Context(), bash, script)
	without.Dir, without.Env = g.directory, []string{"PATH=" + t.TempDir()}
	if out, err := without.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("without git: %v, %q", err, out)
	}
}
