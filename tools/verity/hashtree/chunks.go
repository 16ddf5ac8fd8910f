package hashtree

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// eachChunk calls do for the chunks of size bytes, from as many goroutines as there are
// processors, each with a buffer of its own. The first error ends all.
func eachChunk(ctx context.Context, size int64, do func(offset int64, chunk []byte) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	var all sync.WaitGroup
	for range min(int64(runtime.GOMAXPROCS(0)), (size+chunkSize-1)/chunkSize) {
		all.Go(func() {
			chunk := make([]byte, min(chunkSize, size))
			for ctx.Err() == nil {
				offset := next.Add(chunkSize) - chunkSize
				if offset >= size {
					return
				}
				if err := do(offset, chunk[:min(chunkSize, size-offset)]); err != nil {
					stop(err)
				}
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}
