package main

import (
	"errors"
	"fmt"
	"time"
)

// A row contains the measurements of a tree.
type row struct {
	tree    treeSize
	medians map[string]time.Duration // by way
	memory  int64                    // mkportable's at most, in bytes
	written float64                  // by the action, as a ratio to the image
}

// The goals: hardly more than mksquashfs's own time, memory that does not grow with the
// tree, no copy on the way.
const (
	maxRatio   = 1.05
	maxMemory  = 64e6
	maxWritten = 1.01
)

func (r *row) ratio() float64 { return r.medians["action"].Seconds() / r.medians["bare"].Seconds() }

func (r *row) String() string {
	return fmt.Sprintf("| %s | %.3f s | %.3f s | %.2f | %.1f MB | %.3f |",
		r.tree, r.medians["bare"].Seconds(), r.medians["action"].Seconds(), r.ratio(), float64(r.memory)/1e6, r.written)
}

// check returns an error for each goal that is missed.
func (r *row) check() error {
	var missed []error
	for _, goal := range []struct {
		name     string
		got, max float64
	}{
		{"the action's time, as a ratio to mksquashfs's", r.ratio(), maxRatio},
		{"mkportable's memory in MB", float64(r.memory) / 1e6, maxMemory / 1e6},
		{"what was written, as a ratio to the image", r.written, maxWritten},
	} {
		if goal.got > goal.max {
			missed = append(missed, fmt.Errorf("%s: %s is %.2f, the goal %.2f", r.tree, goal.name, goal.got, goal.max))
		}
	}
	return errors.Join(missed...)
}
