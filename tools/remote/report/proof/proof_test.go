// Package proof holds that the report is right about real builds: a real Bazel builds a
// tiny workspace again and again, each time with one thing changed. It starts Bazel, so
// it is no test for bazel test: ../../README.md tells how to run it.
package proof

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

var update = flag.Bool("update", false, "write the logs, without what is this machine's, to the summary's testdata")

// The builds go on from each other.
func TestReal(t *testing.T) {
	w := newWorkspace(t)

	cold := w.build(t, "cold", "SUCCESS")
	wantMisses(t, cold, "Genrule //:parse", "Genrule //:compile", "Genrule //:link", "Genrule //:icon", "TestRunner //:program_test", "TestRunner //:program_test")
	if !strings.Contains(cold.events.CriticalPath, "//:") {
		t.Errorf("the critical path is %q, want an action in it", cold.events.CriticalPath)
	}

	w.clean(t)
	warm := w.build(t, "warm", "SUCCESS")
	wantMisses(t, warm)
	if test := warm.events.Tests[0]; test.Cached != 1 || test.Runs != 1 {
		t.Errorf("the test of the warm build is %+v, want it from a cache", test)
	}

	idle := w.build(t, "idle", "SUCCESS")
	if len(idle.log) != 0 || idle.events.Tests[0].UpToDate != 1 {
		t.Errorf("a build with nothing to do has %d spawns and the test %+v", len(idle.log), idle.events.Tests[0])
	}

	w.write(t, "grammar.txt", "one\ntwo\n")
	edited := w.build(t, "edited", "SUCCESS")
	wantCauses(t, edited, warm, "4 input grammar.txt")

	w.clean(t)
	environment := w.build(t, "environment", "SUCCESS", "--action_env=FLAVOR=mint")
	wantCauses(t, environment, warm, "6 environment variable FLAVOR", "4 input grammar.txt")

	w.clean(t)
	configuration := w.build(t, "configuration", "SUCCESS", "--compilation_mode=opt")
	wantCauses(t, configuration, warm, "6 output configuration", "4 input grammar.txt", "2 environment variable TEST_TMPDIR")

	w.clean(t)
	if err := os.RemoveAll(w.cache); err != nil {
		t.Fatal(err)
	}
	lost := w.build(t, "lost", "SUCCESS")
	wantCauses(t, lost, edited, "5 same key as before", "1 not in the previous log")

	w.write(t, "grammar.txt", "")
	broken := w.build(t, "broken", "BUILD_FAILURE")
	if a := broken.events.Actions; len(a) != 1 || a[0].Success || a[0].Label != "//:parse" {
		t.Errorf("the failed actions are %+v, want that of //:parse", a)
	}

	leaks, err := execlog.Leaks(w.open(t, "environment.log.json"), "mint", w.Dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(leaks) == 0 {
		t.Error("a variable of --action_env is not found in any key")
	}
	for _, leak := range leaks {
		if leak.Name != "FLAVOR" {
			t.Error(leak)
		}
	}
}

// A build is what Bazel wrote of it.
type build struct {
	events *buildevents.Build
	log    []*execlog.Spawn
}

func wantMisses(t *testing.T, b build, want ...string) {
	t.Helper()
	var got []string
	for _, s := range b.log {
		if s.Missed() {
			got = append(got, s.Mnemonic+" "+s.TargetLabel)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("missed were %q, want %q", got, want)
	}
}

func wantCauses(t *testing.T, now, before build, want ...string) {
	t.Helper()
	var got []string
	for _, c := range execlog.Explain(now.log, before.log).Causes {
		d := c.Differences[0]
		got = append(got, strings.TrimSpace(string(rune('0'+c.Misses()))+" "+string(d.Field)+" "+d.Name))
	}
	if !slices.Equal(got, want) {
		t.Errorf("causes are %q, want %q", got, want)
	}
}
