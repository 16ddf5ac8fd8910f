package main

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// A test of the rule that must fail does, and prints all that is wrong.
func TestControl(t *testing.T) {
	program, err := runfile.Path("CONTROL")
	if err != nil {
		t.Skipf("%v; this is a test of the rule: bazel test //tools/imagetest:imagetest_test", err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "IMAGE_TEST="+path.Dir(os.Getenv("CONTROL"))+"/expected.json")
	said, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("%v, want exit status 1", err)
	}
	for _, want := range []string{
		"//tools/imagetest:control: the image does not have /usr/sbin/portable-walkthrough-go; it has /usr/bin/portable-walkthrough-go\n",
		"the image has /etc/machine-id, which matches /etc/machine-id in absent\n",
		"more than max_size = 1000;",
		"\n--- tools/imagetest/testdata/control.golden\n",
		"\n-file      0755 0:0 /usr/bin/nothing\n",
		"\n+file      0755 0:0 /usr/bin/portable-walkthrough-go\n",
		"bazel run //tools/imagetest:control -- -update\n",
	} {
		if !strings.Contains(string(said), want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
}

// -update writes the golden file under bazel run. Elsewhere it fails: a test that passed would have
// written nothing that stays.
func TestUpdate(t *testing.T) {
	all, workspace := image(t), t.TempDir()
	e := expectations{Label: "//:t", Golden: "_main/image.golden", Source: "image.golden"}
	t.Setenv("BUILD_WORKSPACE_DIRECTORY", workspace)
	if err := e.update(all); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(workspace, "image.golden"))
	if changes := e.compare(string(text), all); err != nil || changes != nil {
		t.Errorf("%v: %q", err, changes)
	}
	fails := func(want string) {
		t.Helper()
		if err := e.update(all); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	t.Setenv("BUILD_WORKSPACE_DIRECTORY", "")
	fails("fix: bazel run //:t -- -update")
	t.Setenv("BUILD_WORKSPACE_DIRECTORY", workspace)
	e.Source = "../other/image.golden"
	fails("belongs to another repository")
	e.Golden = ""
	fails("//:t has no golden file")
}
