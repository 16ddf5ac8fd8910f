package execlog

import (
	"strings"
	"testing"
)

func TestReadAndJudge(t *testing.T) {
	const log = `{
  "commandArgs": ["a"], "mnemonic": "PortableImage", "targetLabel": "//:image",
  "runner": "remote", "cacheHit": false, "status": "", "exitCode": 0
}{
  "mnemonic": "A", "targetLabel": "//:hit", "runner": "remote cache hit", "cacheHit": true
}{
  "mnemonic": "B", "targetLabel": "//:disk", "runner": "disk cache hit", "cacheHit": true
}{
  "mnemonic": "C", "targetLabel": "//:here", "runner": "linux-sandbox"
}{
  "mnemonic": "D", "targetLabel": "//:broken", "runner": "remote", "status": "REMOTE_CACHE_FAILED", "exitCode": 34
}{
  "mnemonic": "E", "targetLabel": "//:merged", "runner": "remote", "cacheHit": true
}`
	spawns, err := Read(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"",
		`A of //:hit: its runner is "remote cache hit", not "remote"`,
		`B of //:disk: its runner is "disk cache hit", not "remote"`,
		`C of //:here: its runner is "linux-sandbox", not "remote"`,
		`D of //:broken: failed with status "REMOTE_CACHE_FAILED", exit code 34`,
		"E of //:merged: its result came from a cache",
	}
	if len(spawns) != len(want) {
		t.Fatalf("%d spawns, want %d", len(spawns), len(want))
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

func TestReadRefusesHalfARecord(t *testing.T) {
	if _, err := Read(strings.NewReader(`{"mnemonic": "A", "runner": "remote"}{"mnemonic": `)); err == nil || !strings.Contains(err.Error(), "record 2: the file ends in the middle") {
		t.Errorf("got %v, want that record 2 is cut", err)
	}
}

// Such a file would otherwise be a log in which nothing missed.
func TestReadRefusesOtherFiles(t *testing.T) {
	for _, text := range []string{`{"id": {"started": {}}}`, `[]`, "\x00\x01", `{"mnemonic": 1}`} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), "--execution_log_json_file") {
			t.Errorf("%q: got %v, want an error that names the flag", text, err)
		}
	}
}
