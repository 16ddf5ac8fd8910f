package main

import (
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

func mega(n int64) float64 { return float64(n) / 1e6 }
