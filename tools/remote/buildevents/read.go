package buildevents

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// event is what is used of a BuildEvent in build_event_stream.proto. Its JSON has 64-bit
// numbers as strings.
type event struct {
	ID struct {
		Pattern         *struct{ Pattern []string }
		ActionCompleted *struct{ Label, PrimaryOutput string }
		TestResult      *struct{ Label string }
		TestSummary     *struct{ Label string }
	}
	LastMessage bool

	Started *struct {
		Command, BuildToolVersion string
		StartTime                 time.Time
	}
	Finished *struct {
		FinishTime time.Time
		ExitCode   struct {
			Name string
			Code int
		}
		FailureDetail struct{ Message string }
	}
	Aborted *struct{ Reason, Description string }
	Action  *struct {
		Success            bool
		ExitCode           int
		Type               string
		StartTime, EndTime time.Time
	}
	TestResult *struct {
		Status              string
		CachedLocally       bool
		TestAttemptDuration duration
		ExecutionInfo       struct{ CachedRemotely bool }
	}
	TestSummary *struct {
		OverallStatus    string
		TotalRunDuration duration
	}
	BuildToolLogs *struct {
		Log []struct {
			Name     string
			Contents []byte
		}
	}
	BuildMetrics *struct {
		ActionSummary struct {
			RunnerCount []struct {
				Name  string
				Count int
			}
		}
		TimingMetrics struct {
			AnalysisPhaseTimeInMs  int64 `json:",string"`
			ExecutionPhaseTimeInMs int64 `json:",string"`
		}
		CumulativeMetrics struct{ NumBuilds int }
		NetworkMetrics    struct {
			SystemNetworkStats *struct {
				BytesSent int64 `json:",string"`
				BytesRecv int64 `json:",string"`
			}
		}
	}
}

// duration is written "1.5s".
type duration time.Duration

func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// Read reads the events of one command. A file that ends early, because Bazel was killed
// or is not done yet, is no error: then the build is not Complete.
func Read(events io.Reader) (*Build, error) {
	r := reader{tests: make(map[string]*Test)}
	for decoder, n := json.NewDecoder(events), 1; ; n++ {
		var e event
		err := decoder.Decode(&e)
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF) && n > 1:
			if n == 1 {
				return nil, errors.New("the file of build events is empty; did Bazel get as far as to write --build_event_json_file?")
			}
			return r.result(), nil
		case err != nil:
			return nil, fmt.Errorf("build event %d: %w; is this a file of --build_event_json_file?", n, err)
		case n == 1 && e.Started == nil:
			return nil, errors.New("the first build event is not the start of a build; is this a file of --build_event_json_file? An execution log belongs to --execution-log")
		}
		r.add(&e)
	}
}

type reader struct {
	build Build
	tests map[string]*Test
}

func (r *reader) add(e *event) {
	b := &r.build
	b.Complete = b.Complete || e.LastMessage
	if e.Started != nil {
		b.Command, b.Version, b.Started = e.Started.Command, e.Started.BuildToolVersion, e.Started.StartTime
	}
	if e.ID.Pattern != nil {
		b.Patterns = e.ID.Pattern.Pattern
	}
	if e.Finished != nil {
		b.Finished = e.Finished.FinishTime
		b.Exit, b.ExitCode = e.Finished.ExitCode.Name, e.Finished.ExitCode.Code
		b.Failure = e.Finished.FailureDetail.Message
	}
	if e.Aborted != nil {
		text := strings.TrimSuffix(e.Aborted.Reason+": "+strings.TrimSpace(e.Aborted.Description), ": ")
		if text != "" && !slices.Contains(b.Aborted, text) {
			b.Aborted = append(b.Aborted, text)
		}
	}
	if e.Action != nil && e.ID.ActionCompleted != nil {
		b.Actions = append(b.Actions, Action{
			Label: e.ID.ActionCompleted.Label, Output: e.ID.ActionCompleted.PrimaryOutput,
			Mnemonic: e.Action.Type, Success: e.Action.Success, ExitCode: e.Action.ExitCode,
			Start: e.Action.StartTime, End: e.Action.EndTime,
		})
	}
	r.addTest(e)
	if e.BuildToolLogs != nil {
		for _, log := range e.BuildToolLogs.Log {
			if log.Name == "critical path" {
				b.CriticalPath = strings.TrimRight(string(log.Contents), "\n")
			}
		}
	}
	addMetrics(b, e)
}

func (r *reader) addTest(e *event) {
	test := func(label string) *Test {
		if r.tests[label] == nil {
			r.tests[label] = &Test{Label: label}
		}
		return r.tests[label]
	}
	if e.TestResult != nil && e.ID.TestResult != nil {
		t := test(e.ID.TestResult.Label)
		t.Runs++
		switch {
		case e.TestResult.CachedLocally:
			t.UpToDate++
		case e.TestResult.ExecutionInfo.CachedRemotely:
			t.Cached++
		}
		if t.Status == "" || t.Status == "PASSED" {
			t.Status = e.TestResult.Status
		}
		t.Duration += time.Duration(e.TestResult.TestAttemptDuration)
	}
	if e.TestSummary != nil && e.ID.TestSummary != nil {
		t := test(e.ID.TestSummary.Label)
		t.Status, t.Duration = e.TestSummary.OverallStatus, time.Duration(e.TestSummary.TotalRunDuration)
	}
}

func addMetrics(b *Build, e *event) {
	m := e.BuildMetrics
	if m == nil {
		return
	}
	millis := func(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
	b.Metrics = &Metrics{
		Analysis:  millis(m.TimingMetrics.AnalysisPhaseTimeInMs),
		Execution: millis(m.TimingMetrics.ExecutionPhaseTimeInMs),
	}
	for _, runner := range m.ActionSummary.RunnerCount {
		// These two are the sum, and Bazel's own work.
		if runner.Name != "total" && runner.Name != "internal" {
			b.Metrics.Runners = append(b.Metrics.Runners, Runner(runner))
		}
	}
	if n := m.NetworkMetrics.SystemNetworkStats; n != nil && m.CumulativeMetrics.NumBuilds <= 1 {
		b.Metrics.Network = &Network{Sent: n.BytesSent, Received: n.BytesRecv}
	}
}

func (r *reader) result() *Build {
	for _, test := range r.tests {
		r.build.Tests = append(r.build.Tests, *test)
	}
	slices.SortFunc(r.build.Tests, func(a, b Test) int { return strings.Compare(a.Label, b.Label) })
	return &r.build
}
