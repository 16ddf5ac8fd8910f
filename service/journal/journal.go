// Package journal formats the log lines of package slog for standard error under
// systemd.
package journal

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"github.com/coreos/go-systemd/v22/journal"
)

// Handler writes text for standard error. If that is the journal, each line starts
// with its priority as sd-daemon(3) has it, and bears no time, which the journal
// notes by itself.
func Handler(stderr io.Writer) slog.Handler {
	// An error means that it can't be told; people read the other form too.
	is, _ := journal.StderrIsJournalStream()
	return newHandler(stderr, is)
}

func newHandler(out io.Writer, isJournal bool) slog.Handler {
	if !isJournal {
		return slog.NewTextHandler(out, nil)
	}
	lines := &prefixed{out: out}
	return handler{slog.NewTextHandler(lines, &slog.HandlerOptions{ReplaceAttr: withoutHead}), lines}
}

// withoutHead removes what the journal knows already: time and level.
func withoutHead(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
		return slog.Attr{}
	}
	return a
}

type handler struct {
	slog.Handler
	lines *prefixed
}

func (h handler) Handle(ctx context.Context, record slog.Record) error {
	h.lines.mu.Lock()
	defer h.lines.mu.Unlock()
	h.lines.prefix = priority(record.Level)
	return h.Handler.Handle(ctx, record)
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.lines}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.lines}
}

// priority is SD_ERR, SD_WARNING, SD_INFO or SD_DEBUG of sd-daemon(3).
func priority(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "<3>"
	case level >= slog.LevelWarn:
		return "<4>"
	case level >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// prefixed puts a prefix before each write; slog writes a record at once, in one line.
type prefixed struct {
	out    io.Writer
	mu     sync.Mutex
	prefix string
}

func (p *prefixed) Write(line []byte) (int, error) {
	if _, err := p.out.Write(append([]byte(p.prefix), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}
