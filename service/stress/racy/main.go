// Racy has a data race: the negative control of the race detector (--config=race),
// which must end it with status 66.
package main

import "sync"

func main() {
	var both sync.WaitGroup
	count := 0
	for range 2 {
		both.Go(func() { count++ })
	}
	both.Wait()
	println(count)
}
