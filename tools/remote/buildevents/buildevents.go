// Package buildevents reads what Bazel writes for --build_event_json_file: one event of
// the Build Event Protocol a line. Of a build it keeps what a summary needs.
package buildevents

import (
	"strings"
	"time"
)

// A Build is what the events tell of a command of Bazel. What they do not tell is zero.
type Build struct {
	// Command is "build", "test", …
	Command string
	// Version is Bazel's.
	Version  string
	Patterns []string
	Started  time.Time
	Finished time.Time

	// Exit is the name of Bazel's exit code: "SUCCESS", "BUILD_FAILURE". It is empty if the
	// build has not finished.
	Exit     string
	ExitCode int
	// Failure is Bazel's own words of what failed first.
	Failure string
	// Complete is whether the last event is there.
	Complete bool

	// Actions are those that failed, or all if Bazel was told
	// --build_event_publish_all_actions.
	Actions []Action
	Tests   []Test
	// Aborted are why parts of the build, or all of it, were given up, each once.
	Aborted []string

	Metrics *Metrics
	// CriticalPath is Bazel's own listing of it, slowest chain first; "" if it gave none.
	CriticalPath string
}

// An Action was executed, in this build.
type Action struct {
	Label, Mnemonic, Output string
	Success                 bool
	ExitCode                int
	Start, End              time.Time
}

// A Test is a target's, all runs and shards of it.
type Test struct {
	Label string
	// Status is "PASSED", "FAILED", "FLAKY", "TIMEOUT", …
	Status string
	// Runs counts shards, attempts and runs. Of those, UpToDate ran in an earlier build in
	// this output base, and Cached in a build that a cache knows.
	Runs, UpToDate, Cached int
	// Duration is the sum of all runs, as they took when they were executed.
	Duration time.Duration
}

// Metrics are Bazel's own sums.
type Metrics struct {
	// Runners are where results of processes came from. What Bazel did without a process is
	// not counted.
	Runners             []Runner
	Analysis, Execution time.Duration
	// Network is nil if Bazel gave none, which is usual: only with
	// --experimental_collect_system_network_usage it does. It is also nil if this is not the
	// first build of Bazel's server, since the figures are sums over all of them.
	Network *Network
}

// A Runner is a way to get the result of a process: "linux-sandbox", "remote", "disk cache
// hit", ….
type Runner struct {
	Name  string
	Count int
}

// CacheHit is whether nothing was executed.
func (r Runner) CacheHit() bool { return strings.HasSuffix(r.Name, "cache hit") }

// Network is what went through all interfaces of the machine but the loopback one, while
// Bazel ran.
type Network struct{ Sent, Received int64 }
