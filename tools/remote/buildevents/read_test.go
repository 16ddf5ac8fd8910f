package buildevents

import (
	"slices"
	"strings"
	"testing"
)

const started = `{"id":{"started":{}},"started":{"command":"build"}}`

func TestReadRefusesOtherFiles(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "is empty",
		"\x0a\x15binary":             "--build_event_json_file",
		`{"mnemonic": "Genrule"}`:    "--execution-log",
		`[]`:                         "--build_event_json_file",
		started[:20]:                 "--build_event_json_file",
		started + "\n{\"id\": oops}": "build event 2",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// The machine's traffic is summed up since the server's start: for a later build it would
// be too much.
func TestNetworkOfTheFirstBuildOnly(t *testing.T) {
	for builds, want := range map[string]bool{"1": true, "2": false} {
		b, err := Read(strings.NewReader(started + `{"id":{"buildMetrics":{}},"buildMetrics":{"cumulativeMetrics":{"numBuilds":` + builds +
			`},"networkMetrics":{"systemNetworkStats":{"bytesSent":"1","bytesRecv":"2"}}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Metrics.Network; (got != nil) != want || want && *got != (Network{Sent: 1, Received: 2}) {
			t.Errorf("build %s: the network's figures are %v", builds, got)
		}
	}
}

func TestRunners(t *testing.T) {
	b, err := Read(strings.NewReader(started + `{"id":{"buildMetrics":{}},"buildMetrics":{"actionSummary":{"runnerCount":[` +
		`{"name":"total","count":9},{"name":"internal","count":2},{"name":"remote cache hit","count":3},{"name":"remote","count":4}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if want := []Runner{{"remote cache hit", 3}, {"remote", 4}}; !slices.Equal(b.Metrics.Runners, want) {
		t.Errorf("got %v, want %v", b.Metrics.Runners, want)
	}
	for name, want := range map[string]bool{"remote cache hit": true, "disk cache hit": true, "remote": false, "local": false} {
		if (Runner{Name: name}).CacheHit() != want {
			t.Errorf("%s is a hit: %v, want %v", name, !want, want)
		}
	}
}

// Without a summary, of a build that was killed, one bad run is enough.
func TestStatusWithoutSummary(t *testing.T) {
	text := started
	for _, status := range []string{"PASSED", "FAILED", "PASSED"} {
		text += `{"id":{"testResult":{"label":"//:t"}},"testResult":{"status":"` + status + `"}}`
	}
	b, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Tests) != 1 || b.Tests[0].Status != "FAILED" || b.Tests[0].Runs != 3 {
		t.Errorf("got %+v, want one test of three runs that failed", b.Tests)
	}
}
