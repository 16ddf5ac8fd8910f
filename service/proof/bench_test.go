package proof

import (
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

var (
	rounds = flag.Int("rounds", 5, "how often each measurement of throughput is repeated; medians are printed")
	period = flag.Duration("time", time.Second, "how long each measurement of throughput takes")
	state  = flag.String("state", os.TempDir(), "where to keep the counts; the disk matters")
	starts = flag.Int("starts", 40, "how many cold starts of each are measured")
)

// A rival is a server that is measured, and what was seen of it.
type rival struct {
	name        string
	program     program
	connections []int
	rates       map[int][]float64       // requests per second of each round
	times       map[int][]time.Duration // of all requests
	resident    []float64               // MB after 1000 requests
	cold        []time.Duration         // from connection to answer, with no process running
}

// BenchmarkService compares the service with the algorithm that it replaces, with a
// server that counts nothing, and with the least that can count durably, alternating,
// on one machine. All share the machine with the clients, so ratios say more than
// figures:
//
//	bazel run //service/proof:proof_test -- -test.run='^$' -test.bench=.
func BenchmarkService(b *testing.B) {
	connections := []int{1, 16, 64, 256}
	rivals := []*rival{
		// As in its unit.
		{name: "this service", program: program{name: "SERVICE", env: []string{"GOMAXPROCS=1"}}, connections: connections},
		{name: "seed's algorithm", program: program{name: "SEED"}, connections: connections},
		{name: "net/http alone", program: program{name: "RIVALS", args: []string{"nethttp"}}, connections: connections},
		{name: "no HTTP", program: program{name: "RIVALS", args: []string{"nohttp"}}, connections: connections[:1]},
	}
	var syncs []time.Duration
	for _, r := range rivals {
		r.rates, r.times = map[int][]float64{}, map[int][]time.Duration{}
	}
	for range *rounds {
		syncs = append(syncs, syncTimes(b)...)
		for _, r := range rivals {
			r.serve(b, func(at net.Addr, process func() *os.Process) {
				r.load(b, at, 1, func(n int) bool { return n < 1000 })
				r.resident = append(r.resident, float64(resident(b, process().Pid))/1000)
				for _, c := range r.connections {
					start := time.Now()
					times := r.load(b, at, c, func(int) bool { return time.Since(start) < *period })
					r.rates[c] = append(r.rates[c], float64(len(times))/time.Since(start).Seconds())
					r.times[c] = append(r.times[c], times...)
				}
			})
		}
	}
	for range *starts {
		for _, r := range rivals {
			r.serve(b, func(at net.Addr, process func() *os.Process) {
				// The first start creates the count's file; later ones are the usual case.
				for range 2 {
					time.Sleep(20 * time.Millisecond) // The next process gets ready to be started.
					began := time.Now()
					r.load(b, at, 1, func(n int) bool { return n < 1 })
					took := time.Since(began)
					_ = process().Kill()
					r.cold = append(r.cold, took)
				}
				r.cold = slices.Delete(r.cold, len(r.cold)-2, len(r.cold)-1)
			})
		}
	}

	seed, plain := rivals[1], rivals[2]
	fmt.Println("| connections | server | requests/s | p50 | p99 | × seed's | × net/http |\n| --- | --- | --- | --- | --- | --- | --- |")
	for _, c := range connections {
		for _, r := range rivals {
			if !slices.Contains(r.connections, c) {
				continue
			}
			rate := median(r.rates[c])
			fmt.Printf("| %d | %s | %.0f | %v | %v | %.2f | %.2f |\n", c, r.name, rate, median(r.times[c]).Round(time.Microsecond),
				r.times[c][len(r.times[c])*99/100].Round(time.Microsecond), rate/median(seed.rates[c]), rate/median(plain.rates[c]))
		}
	}
	sync := median(syncs)
	fmt.Printf("\nOne write and fdatasync on this disk takes %v (median).\n", sync.Round(time.Microsecond))
	fmt.Println("\n| server | cold start | × seed's | answer × fdatasync | resident after 1000 requests |\n| --- | --- | --- | --- | --- |")
	for _, r := range rivals {
		fmt.Printf("| %s | %v | %.2f | %.2f | %.1f MB |\n", r.name, median(r.cold).Round(time.Microsecond),
			float64(median(r.cold))/float64(median(seed.cold)), float64(median(r.times[1]))/float64(sync), median(r.resident))
	}
}

// serve has a rival served by a manager meanwhile. process returns that of the next
// start.
func (r *rival) serve(b *testing.B, meanwhile func(at net.Addr, process func() *os.Process)) {
	b.Helper()
	directory, err := os.MkdirTemp(*state, "bench")
	if err != nil {
		b.Fatal(err)
	}
	defer os.RemoveAll(directory)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	processes := make(chan *os.Process, 1)
	p := r.program
	p.at, p.env = listener, append(slices.Clone(p.env), "STATE_DIRECTORY="+directory)
	var last *os.Process
	p.started = func(process *os.Process) { processes <- process }
	m := manage(b, p)
	meanwhile(listener.Addr(), func() *os.Process { last = <-processes; return last })
	_ = last.Kill()
	m.asleep()
	m.stop(b)
}

// load sends requests on a number of connections, while more returns true for the number of
// answers on each. It returns the times that answers took.
func (r *rival) load(b *testing.B, at net.Addr, connections int, more func(n int) bool) (times []time.Duration) {
	b.Helper()
	var mu sync.Mutex
	var all sync.WaitGroup
	for range connections {
		c := client{address: at}
		if err := c.connect(); err != nil {
			b.Fatal(err)
		}
		all.Go(func() {
			defer c.close()
			var took []time.Duration
			for now := time.Now(); more(len(took)); {
				if err := c.quick(); err != nil {
					b.Error(err)
					return
				}
				then := now
				now = time.Now()
				took = append(took, now.Sub(then))
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, took...)
		})
	}
	all.Wait()
	return times
}

// syncTimes returns how long some writes take that wait for the disk.
func syncTimes(b *testing.B) (took []time.Duration) {
	b.Helper()
	file, err := os.CreateTemp(*state, "sync")
	if err != nil {
		b.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	for i := range 500 {
		start := time.Now()
		if _, err := file.WriteAt([]byte(strconv.Itoa(10000+i)), 0); err != nil {
			b.Fatal(err)
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	return took
}

func median[T float64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
