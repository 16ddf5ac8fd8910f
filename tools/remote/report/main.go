// Report tells what a person wants to know of a build: how it ended, what the caches knew
// and why they did not know the rest, and where the time went.
//
//	bazel run //tools/remote/report -- [FLAGS] BUILD_EVENTS_FILE
//
// The exit status is 0, whatever became of the build; 1 if --require-hits finds a miss; 2
// for trouble.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
	"example.org/portable-walkthrough-go/tools/remote/report/summary"
)

const usage = `usage: report [FLAGS] BUILD_EVENTS_FILE

Summarizes a build of Bazel from what it wrote for --build_event_json_file: result,
cache hits and misses, critical path, slowest actions, bytes.

  --execution-log=FILE  what the same build wrote for --execution_log_json_file:
                        tells hits, misses and times of each action
  --previous=FILE       the execution log of an earlier build, whose results the
                        cache should have had: tells why the misses missed
  --require-hits        names each action that a cache could have known and did
                        not, and exits with status 1; needs --execution-log
  --markdown            writes Markdown, for $GITHUB_STEP_SUMMARY
  --limit=N             lines of each list, 10 by default; 0 is all

Colours are for terminals, unless $NO_COLOR is set. The exit status is 0, whatever
became of the build; 1 if --require-hits finds a miss; 2 for trouble.

example:
  bazel build --disk_cache=/var/tmp/cache --build_event_json_file=/tmp/events.json \
    --execution_log_json_file=/tmp/log.json //...
  bazel run //tools/remote/report -- --execution-log=/tmp/log.json /tmp/events.json
`

func main() {
	code, err := run(os.Args[1:], os.Stdout, os.Stderr, colours(os.Stdout))
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	os.Exit(code)
}

type options struct {
	log, previous         string
	requireHits, markdown bool
	limit                 int
	events                string
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("report", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.log, "execution-log", "", "")
	flags.StringVar(&o.previous, "previous", "", "")
	flags.BoolVar(&o.requireHits, "require-hits", false, "")
	flags.BoolVar(&o.markdown, "markdown", false, "")
	flags.IntVar(&o.limit, "limit", 10, "")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() != 1:
		return o, fmt.Errorf("one file of build events is wanted, not %d; --help tells more", flags.NArg())
	case o.previous != "" && o.log == "":
		return o, errors.New("--previous has nothing to compare with: give this build's --execution-log too")
	case o.requireHits && o.log == "":
		return o, errors.New("--require-hits can tell misses only with this build's --execution-log")
	case o.limit < 0:
		return o, fmt.Errorf("--limit=%d: 0 is all, less is impossible", o.limit)
	case o.limit == 0:
		o.limit = int(^uint(0) >> 1)
	}
	o.events = flags.Arg(0)
	return o, nil
}

// run is main with the exit status as its result.
func run(args []string, stdout, stderr io.Writer, colour bool) (int, error) {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		_, err := io.WriteString(stdout, usage)
		return 0, err
	}
	if err != nil {
		return 2, err
	}
	if o.previous != "" && sameFile(o.log, o.previous) {
		return 2, errors.New("--previous is the --execution-log itself; keep an earlier build's log before Bazel writes the next")
	}
	in := summary.Input{Limit: o.limit}
	err = read(o.events, func(r io.Reader) (err error) { in.Build, err = buildevents.Read(r); return err })
	if err == nil && o.log != "" {
		err = read(o.log, func(r io.Reader) (err error) { in.Log, err = execlog.Read(r); return err })
		if errors.Is(err, fs.ErrNotExist) && in.Build.Exit == "" {
			// What is known of a build that was killed is worth telling.
			in.Notes, err = append(in.Notes, "There is no execution log, which Bazel writes at its end."), nil
		}
	}
	if err == nil && o.previous != "" {
		err = read(o.previous, func(r io.Reader) (err error) { in.Previous, err = execlog.Read(r); return err })
	}
	if err != nil {
		return 2, err
	}
	report := summary.New(in)
	if o.markdown {
		err = report.WriteMarkdown(stdout)
	} else {
		err = report.WriteText(stdout, colour)
	}
	if err != nil {
		return 2, err
	}
	if o.requireHits {
		return requireHits(in, stderr), nil
	}
	return 0, nil
}

// requireHits names each miss, and tells the exit status. What was not built could not
// miss, so a build that ended early does not pass.
func requireHits(in summary.Input, stderr io.Writer) int {
	code := 0
	if exit := in.Build.Exit; exit != "SUCCESS" && exit != "TESTS_FAILED" {
		fmt.Fprintln(stderr, "report: --require-hits: the build did not get to its end, so that not all was asked of the cache")
		code = 1
	}
	for _, s := range in.Log {
		if s.Missed() {
			output := ""
			if len(s.Outputs) > 0 {
				output = " (" + s.Outputs[0] + ")"
			}
			fmt.Fprintf(stderr, "report: --require-hits: executed by %s, not from a cache: %v%s\n", s.Runner, s, output)
			code = 1
		}
	}
	return code
}
