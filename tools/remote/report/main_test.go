package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testdata = "summary/testdata/"

func TestExitStatus(t *testing.T) {
	empty, log := filepath.Join(t.TempDir(), "empty"), testdata+"warm.log.json"
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	// Each failed test ran, and could have been a hit.
	failed := filepath.Join(t.TempDir(), "failed")
	const events = `{"id":{"started":{}},"started":{"command":"test"}}{"id":{"buildFinished":{}},"finished":{"exitCode":{"name":"TESTS_FAILED","code":3}},"lastMessage":true}`
	if err := os.WriteFile(failed, []byte(events), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		// stdout and stderr are part of what is said; an error belongs to stderr.
		stdout, stderr string
	}{
		{"--help", 0, "usage: report", ""},
		{testdata + "broken.events.json", 0, "BUILD_FAILURE", ""},
		{"--markdown " + testdata + "warm.events.json", 0, "### ✅", ""},
		{"--require-hits --execution-log=" + log + " " + testdata + "warm.events.json", 0, "100 % hits", ""},
		{"--require-hits --execution-log=" + testdata + "edited.log.json " + testdata + "edited.events.json", 1, "20 % hits", "executed by linux-sandbox, not from a cache: Genrule of //:link (bazel-out/k8-fastbuild/bin/program.txt)"},
		// A build that broke off has asked for little, and all of that may have been hits.
		{"--require-hits --execution-log=" + log + " " + testdata + "broken.events.json", 1, "BUILD_FAILURE", "did not get to its end"},
		{"--require-hits --execution-log=" + log + " " + testdata + "crashed.events.json", 1, "NO RESULT", "did not get to its end"},
		{"--require-hits --execution-log=" + log + " " + failed, 0, "TESTS_FAILED (exit code 3)", ""},
		{"", 2, "", "one file of build events is wanted, not 0"},
		{"a b", 2, "", "one file of build events is wanted, not 2"},
		{"--colour a", 2, "", "flag provided but not defined: -colour"},
		{"--limit=-1 a", 2, "", "--limit=-1"},
		{"--previous=b a", 2, "", "--execution-log too"},
		{"--previous=" + log + " --execution-log=" + log + " " + testdata + "warm.events.json", 2, "", "--previous is the --execution-log itself"},
		{"--require-hits a", 2, "", "--require-hits"},
		{"no-such-file", 2, "", "no-such-file: no such file"},
		{"--execution-log=no-such-file " + testdata + "crashed.events.json", 0, "There is no execution log", ""},
		{"--require-hits --execution-log=no-such-file " + testdata + "crashed.events.json", 1, "There is no execution log", "did not get to its end"},
		{"--execution-log=no-such-file " + testdata + "warm.events.json", 2, "", "not if it was killed"},
		{empty, 2, "", empty + ": the file of build events is empty"},
		{log, 2, "", "An execution log belongs to --execution-log"},
		{testdata + "warm.txt", 2, "", "is this a file of --build_event_json_file?"},
		{"--execution-log=" + testdata + "warm.events.json " + testdata + "warm.events.json", 2, "", "is it a file of --execution_log_json_file?"},
	} {
		var stdout, stderr strings.Builder
		code, err := run(strings.Fields(c.args), &stdout, &stderr, false)
		if err != nil {
			fmt.Fprint(&stderr, err)
		}
		if code != c.code || !strings.Contains(stdout.String(), c.stdout) || !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0 {
			t.Errorf("report %s: status %d, want %d; stdout, want %q:\n%s\nstderr, want %q:\n%s", c.args, code, c.code, c.stdout, &stdout, c.stderr, &stderr)
		}
	}
}
