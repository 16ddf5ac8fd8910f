package systemd

import (
	"bytes"
	"io"
	"log/slog"

	"github.com/coreos/go-systemd/v22/journal"
)

// LogHandler returns a handler that writes text to standard error. If standard error
// is the journal, each line starts with its priority (sd-daemon(3)), such as <6>, and
// has no time, which the journal adds itself.
func LogHandler(stderr io.Writer) slog.Handler {
	// After an error, people can read the other form.
	isJournal, _ := journal.StderrIsJournalStream()
	return logHandler(stderr, isJournal)
}

func logHandler(out io.Writer, isJournal bool) slog.Handler {
	if !isJournal {
		return slog.NewTextHandler(out, nil)
	}
	return slog.NewTextHandler(prioritized{out}, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

// priorities are SD_ERR, SD_WARNING, SD_INFO and SD_DEBUG of sd-daemon(3).
var priorities = map[string]string{"level=ERROR": "<3>", "level=WARN": "<4>", "level=INFO": "<6>", "level=DEBUG": "<7>"}

// prioritized replaces the level at the start of each line. A slog handler writes
// each record in one call.
type prioritized struct{ out io.Writer }

func (p prioritized) Write(line []byte) (int, error) {
	level, rest, _ := bytes.Cut(line, []byte(" "))
	if priority, ok := priorities[string(level)]; ok {
		line = append([]byte(priority), rest...)
	}
	return p.out.Write(line)
}
