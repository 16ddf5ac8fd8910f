package image

import (
	"fmt"
	"io"
	"time"
)

// A run tells nothing in its first seconds, then a line now and then.
const (
	firstProgress = 3 * time.Second
	nextProgress  = time.Second
)

// progress tells how far a long run is. A nil one tells nothing.
type progress struct {
	to       io.Writer
	now      func() time.Time
	started  time.Time
	due      time.Time // for the next line
	told     bool
	entries  int
	archived int64 // bytes of the archive so far
}

func newProgress(to io.Writer, now func() time.Time) *progress {
	if to == nil {
		return nil
	}
	started := now()
	return &progress{to: to, now: now, started: started, due: started.Add(firstProgress)}
}

// entry counts an entry.
func (p *progress) entry() {
	if p != nil {
		p.entries++
		p.tell()
	}
}

// wrote counts bytes of the archive.
func (p *progress) wrote(n int) {
	if p != nil {
		p.archived += int64(n)
		p.tell()
	}
}

func (p *progress) tell() {
	if now := p.now(); !now.Before(p.due) {
		p.due, p.told = now.Add(nextProgress), true
		fmt.Fprintf(p.to, "mkportable: %d entries, %.1f MB\n", p.entries, float64(p.archived)/1e6)
	}
}

// end tells the whole, if the run was long enough to tell anything.
func (p *progress) end() {
	if p != nil && p.told {
		fmt.Fprintf(p.to, "mkportable: %d entries, %.1f MB in %.1f s\n", p.entries, float64(p.archived)/1e6, p.now().Sub(p.started).Seconds())
	}
}
