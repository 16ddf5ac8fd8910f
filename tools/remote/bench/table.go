package main

import (
	"errors"
	"fmt"
	"time"
)

const heading = `| build | wall time | × no cache | executed here | remotely | from the cache | MB up | MB down | down ÷ image |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
`

// line is that of the table, in Markdown, for the wall time of a build without a cache and
// the image's size.
func (r row) line(cold time.Duration, image int) string {
	return fmt.Sprintf("| %s | %.1f s | %.2f | %d | %d | %d | %.1f | %.1f | %.2f |\n",
		r.title, r.wall.Seconds(), r.wall.Seconds()/cold.Seconds(), r.here, r.remote, r.hits,
		mega(r.up), mega(r.down), float64(r.down)/float64(image))
}

// The goals of a clean checkout with a cache: its wall time, of that without one, and the
// bytes that it fetches, of the image.
const (
	goalTime  = 0.10
	goalBytes = 1.5
)

// check tells which goals were missed.
func check(rows []row, cold time.Duration, image int) error {
	var errs []error
	checked := false
	for _, r := range rows {
		if !r.clean {
			continue
		}
		checked = true
		if part := r.wall.Seconds() / cold.Seconds(); part > goalTime {
			errs = append(errs, fmt.Errorf("%s: %.2f of the time without a cache, the goal is %.2f", r.title, part, goalTime))
		}
		if part := float64(r.down) / float64(image); part > goalBytes {
			errs = append(errs, fmt.Errorf("%s: down ÷ image is %.2f, the goal is %.2f", r.title, part, goalBytes))
		}
	}
	if !checked {
		return errors.New("no build with a goal was measured")
	}
	return errors.Join(errs...)
}

func mega(n int64) float64 { return float64(n) / 1e6 }
