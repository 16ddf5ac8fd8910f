package main

import (
	"os"
	"os/exec"
	"path"
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
