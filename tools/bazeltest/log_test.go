package bazeltest

import (
	"strings"
	"testing"
)

func TestReadLog(t *testing.T) {
	const log = `{
  "commandArgs": ["a"], "mnemonic": "PortableImage", "targetLabel": "//:image",
  "runner": "remote", "cacheHit": false, "status": "", "exitCode": 0
}{
  "mnemonic": "A", "targetLabel": "//:hit", "runner": "remote cache hit", "cacheHit": true
}{
  "mnemonic": "C", "targetLabel": "//:here", "runner": "linux-sandbox"
}{
  "mnemonic": "D", "targetLabel": "//:broken", "runner": "remote", "status": "REMOTE_CACHE_FAILED", "exitCode": 34
}{
  "mnemonic": "E", "targetLabel": "//:merged", "runner": "remote", "cacheHit": true
}`
	want := []string{
		"",
		`A of //:hit: its runner is "remote cache hit", not "remote"`,
		`C of //:here: its runner is "linux-sandbox", not "remote"`,
		`D of //:broken: failed with status "REMOTE_CACHE_FAILED", exit code 34`,
		"E of //:merged: its result came from a cache",
	}
	spawns, err := readLog(strings.NewReader(log))
	if err != nil || len(spawns) != len(want) {
		t.Fatalf("%d spawns, %v; want %d", len(spawns), err, len(want))
	}
	for i, s := range spawns {
		got := ""
		if err := s.ExecutedRemotely(); err != nil {
			got = err.Error()
		}
		if got != want[i] {
			t.Errorf("got %q, want %q", got, want[i])
		}
	}
}

// Such a file would otherwise be a log in which nothing ran.
func TestReadLogRefuses(t *testing.T) {
	for _, text := range []string{`{"id": {"started": {}}}`, `[]`, "\x00\x01", `{"mnemonic": 1}`, `{"mnemonic": `} {
		if _, err := readLog(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "record 1") {
			t.Errorf("%q: got %v, want an error for record 1", text, err)
		}
	}
}

func TestLeaks(t *testing.T) {
	for record, want := range map[string]string{
		`"commandArgs": ["--token"]`:                                        "",
		`"commandArgs": ["--token=s3cret"]`:                                 "argument",
		`"environmentVariables": [{"name": "TOKEN", "value": "s3cret"}]`:    "environment variable",
		`"environmentVariables": [{"name": "s3cret"}]`:                      "environment variable",
		`"platform": {"properties": [{"name": "pool", "value": "s3cret"}]}`: "platform property",
		`"inputs": [{"path": "home/s3cret/a"}]`:                             "input",
		`"inputs": [{"path": "l", "symlinkTargetPath": "/home/s3cret"}]`:    "input",
		`"listedOutputs": ["s3cret"]`:                                       "output",
		`"status": "s3cret"`:                                                "",
	} {
		spawns, err := readLog(strings.NewReader(`{"mnemonic": "A", ` + record + `}`))
		if err != nil {
			t.Fatal(err)
		}
		leaks := spawns[0].Leaks("absent", "s3cret")
		switch {
		case want == "" && len(leaks) > 0:
			t.Errorf("%s: found %v", record, leaks)
		case want != "" && (len(leaks) != 1 || leaks[0].Field != want || strings.Contains(leaks[0].String(), "--token")):
			t.Errorf("%s: found %v, want one in the %s", record, leaks, want)
		}
	}
}
