package hashtree

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// chunks are buffers of chunkSize bytes. For an image of a few megabytes, the kernel takes
// longer to provide fresh ones than the processor to hash them.
var chunks = sync.Pool{New: func() any { return new([chunkSize]byte) }}

// eachChunk calls do for the chunks of size bytes, from as many goroutines as there are
// processors, each with a buffer of its own. The first error ends all.
func eachChunk(ctx context.Context, size int64, do func(offset int64, chunk []byte) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var next atomic.Int64
	work := func() {
		buffer := chunks.Get().(*[chunkSize]byte)
		defer chunks.Put(buffer)
		for ctx.Err() == nil {
			offset := next.Add(chunkSize) - chunkSize
			if offset >= size {
				return
			}
			if err := do(offset, buffer[:min(chunkSize, size-offset)]); err != nil {
				stop(err)
			}
		}
	}
	var others sync.WaitGroup
	for range min(int64(runtime.GOMAXPROCS(0)), (size+chunkSize-1)/chunkSize) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return context.Cause(ctx)
}
