// Bench compares the service with the algorithm that it replaces, with a server that
// counts nothing, and with the least that can count durably, in one run, alternating,
// on one machine:
//
//	bazel run //service/bench
//
// Each is started by a stand-in for systemd. All share the machine with the clients,
// so ratios say more than figures.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/service/fakesystemd"
)

var (
	rounds = flag.Int("rounds", 5, "how often each measurement of throughput is repeated; medians are printed")
	period = flag.Duration("time", time.Second, "how long each measurement of throughput takes")
	state  = flag.String("state", os.TempDir(), "where to keep the counts; the disk matters")
	starts = flag.Int("starts", 40, "how many cold starts of each are measured")
)

var connections = []int{1, 16, 64, 256}

// programs are environment variables that name them; the first is what it is about.
var programs = []string{"SERVICE", "SEED", "BARE", "LEAST"}

var names = map[string]string{"SERVICE": "this service", "SEED": "seed's algorithm", "BARE": "bare net/http", "LEAST": "the least, no HTTP"}

// connectionsOf are how many connections a program is measured with: the least server
// has one at a time.
func connectionsOf(program string) []int {
	if program == "LEAST" {
		return connections[:1]
	}
	return connections
}

func main() {
	fakesystemd.Main()
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	if *rounds < 1 || *starts < 1 {
		return errors.New("-rounds and -starts must be at least 1")
	}
	fmt.Fprintf(os.Stderr, "about %v\n", (time.Duration(*rounds*len(connections)*3) * *period).Round(time.Second))
	results := map[string]map[int]*load{}
	memory := map[string][]int{}
	var syncs []time.Duration
	for _, program := range programs {
		results[program] = map[int]*load{}
		for _, c := range connectionsOf(program) {
			results[program][c] = &load{}
		}
	}
	for round := range *rounds {
		sync, err := oneSync(*state)
		if err != nil {
			return err
		}
		syncs = append(syncs, sync...)
		for _, program := range programs {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round+1, *rounds, names[program])
			rss, err := measure(program, results[program])
			if err != nil {
				return fmt.Errorf("%s: %w", names[program], err)
			}
			memory[program] = append(memory[program], rss)
		}
	}
	fmt.Fprintf(os.Stderr, "cold starts\n")
	cold := map[string][]time.Duration{}
	for range *starts {
		for _, program := range programs {
			took, err := coldStart(program)
			if err != nil {
				return fmt.Errorf("%s: %w", names[program], err)
			}
			cold[program] = append(cold[program], took)
		}
	}
	report(results, memory, cold, median(syncs))
	return nil
}

func report(results map[string]map[int]*load, memory map[string][]int, cold map[string][]time.Duration, sync time.Duration) {
	fmt.Println("| connections | server | requests/s | p50 | p99 | × seed's | × bare |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	for _, c := range connections {
		rate := func(program string) float64 { return median(results[program][c].rates) }
		for _, program := range programs {
			if !slices.Contains(connectionsOf(program), c) {
				continue
			}
			times := results[program][c].times
			slices.Sort(times)
			fmt.Printf("| %d | %s | %.0f | %v | %v | %.2f | %.2f |\n", c, names[program], rate(program),
				times[len(times)/2].Round(time.Microsecond), times[len(times)*99/100].Round(time.Microsecond),
				rate(program)/rate("SEED"), rate(program)/rate("BARE"))
		}
	}
	p50 := func(program string) float64 {
		times := results[program][1].times
		return float64(times[len(times)/2]) / float64(sync)
	}
	fmt.Printf("\nOne write and fdatasync on this disk: %v (median). An answer at one connection takes %.2f times that; one of the least server %.2f, one of bare net/http %.2f.\n",
		sync.Round(time.Microsecond), p50("SERVICE"), p50("LEAST"), p50("BARE"))
	fmt.Println("\n| server | cold start | × seed's | resident after 1000 requests |")
	fmt.Println("| --- | --- | --- | --- |")
	for _, program := range programs {
		fmt.Printf("| %s | %v | %.2f | %.1f MB |\n", names[program], median(cold[program]).Round(time.Microsecond),
			float64(median(cold[program]))/float64(median(cold["SEED"])), float64(median(memory[program]))/1000)
	}
}

// oneSync returns how long some writes take that wait for the disk.
func oneSync(directory string) (took []time.Duration, err error) {
	file, err := os.CreateTemp(directory, "sync")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	for i := range 500 {
		start := time.Now()
		if _, err := file.WriteAt(fmt.Appendf(nil, "%050d\n", i), 0); err != nil {
			return nil, err
		}
		if err := syscall.Fdatasync(int(file.Fd())); err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

func median[T int | float64 | time.Duration](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
