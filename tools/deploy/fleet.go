package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"example.org/portable-walkthrough-go/tools/deploy/host"
)

// An outcome is a row of the summary.
type outcome struct {
	host, result string
	err          error
	took         time.Duration
}

// errSkipped: no further host was begun.
var errSkipped = errors.New("not begun: too many hosts failed (--max-failures)")

// deployAll does the command on all hosts. The error counts those that failed.
func deployAll(ctx context.Context, c config, o options, images map[string]image) error {
	scratch, err := os.MkdirTemp("", "deploy")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	screen := newScreen(os.Stderr, o.hosts)
	var all []runner
	for _, destination := range o.hosts {
		// If several hosts asked for a password, the user could not see which one asks.
		h, err := host.New(destination, len(o.hosts) > 1, scratch, func(notice string) { fmt.Fprintln(os.Stderr, "deploy:", notice) })
		if err != nil {
			return err
		}
		all = append(all, h)
	}
	outcomes := each(all, o, func(h runner, n int) (string, []byte, error) {
		var out bytes.Buffer
		d := &deployment{
			config: c, options: o, host: h, out: &out, now: time.Now,
			progress: func(format string, args ...any) { screen.show(n, fmt.Sprintf(format, args...)) },
		}
		if o.command == "logs" {
			d.out = os.Stdout // --follow does not end.
		}
		result, err := commands[o.command](ctx, d, images)
		if o.dryRun && err == nil {
			result = "nothing was changed (--dry-run)"
		}
		switch {
		case err != nil:
			screen.show(n, "failed")
		default:
			screen.show(n, result)
		}
		return result, out.Bytes(), err
	})
	return summarize(os.Stdout, os.Stderr, outcomes)
}

// each does the work for each host, for some at once, and begins no further one after too
// many failures. What a host prints is written in one piece.
func each(hosts []runner, o options, work func(h runner, n int) (string, []byte, error)) []outcome {
	outcomes := make([]outcome, len(hosts))
	var mu sync.Mutex
	failures := 0
	var workers sync.WaitGroup
	slots := make(chan struct{}, o.parallel)
	for n, h := range hosts {
		slots <- struct{}{}
		mu.Lock()
		enough := o.failures > 0 && failures >= o.failures
		mu.Unlock()
		if enough {
			outcomes[n] = outcome{host: h.Name(), err: errSkipped}
			<-slots
			continue
		}
		workers.Go(func() {
			defer func() { <-slots }()
			start := time.Now()
			result, text, err := work(h, n)
			mu.Lock()
			defer mu.Unlock()
			os.Stdout.Write(text)
			if err != nil {
				failures++
			}
			outcomes[n] = outcome{h.Name(), result, err, time.Since(start)}
		})
	}
	workers.Wait()
	return outcomes
}

// summarize prints a table with the result of each host, and the errors after it.
func summarize(out, errOut io.Writer, outcomes []outcome) error {
	failed := 0
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "HOST\tTIME\tRESULT")
	for _, o := range outcomes {
		result := o.result
		if o.err != nil {
			failed++
			result = "failed"
			var undone *rolledBackError
			switch {
			case errors.Is(o.err, errSkipped):
				result = o.err.Error()
			case errors.As(o.err, &undone):
				result = "rolled back"
			}
		}
		fmt.Fprintf(table, "%s\t%.1f s\t%s\n", o.host, o.took.Seconds(), result)
	}
	if len(outcomes) > 1 || failed > 0 || outcomes[0].result != "" {
		table.Flush()
	}
	for _, o := range outcomes {
		if o.err != nil && !errors.Is(o.err, errSkipped) {
			fmt.Fprintf(errOut, "deploy: %s: %v\n", o.host, o.err)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d hosts failed", failed, len(outcomes))
	}
	return nil
}

// A screen shows a line of progress for each host: on a terminal always the same line, else one
// after the other.
type screen struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	names    []string
	lines    []string
	drawn    bool
	drawnAt  time.Time
}

func newScreen(file *os.File, hosts []string) *screen {
	s := &screen{out: file, lines: make([]string, len(hosts))}
	for _, name := range hosts {
		if name == "" {
			name = "this machine"
		}
		s.names = append(s.names, name)
	}
	if info, err := file.Stat(); err == nil {
		s.terminal = info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
	}
	return s
}

func (s *screen) show(n int, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line, _, _ = strings.Cut(line, "\n")
	copying := strings.HasPrefix(line, "copied ")
	if !s.terminal {
		// A copy would write a line for each megabyte.
		if !copying || time.Since(s.drawnAt) > 10*time.Second {
			s.drawnAt = time.Now()
			fmt.Fprintf(s.out, "%s: %s\n", s.names[n], line)
		}
		return
	}
	s.lines[n] = line
	var b strings.Builder
	if s.drawn {
		fmt.Fprintf(&b, "\x1b[%dA", len(s.names))
	}
	s.drawn = true
	for i, name := range s.names {
		text := name + ": " + s.lines[i]
		// A line that wraps would be two.
		if most := 100; len(text) > most {
			text = text[:most-1] + "…"
		}
		fmt.Fprintf(&b, "\r\x1b[K%s\n", text)
	}
	io.WriteString(s.out, b.String())
}
