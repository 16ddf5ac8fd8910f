// Bench measures the cost of the image action beyond mksquashfs itself.
//
//	bazel run //tools/mkportable/bench -- --sizes=1000,20000,100000,1000000,4GiB
//
// For each size, a number of files or the bytes of a single one, it makes a tree and
// packs it in several ways by turns, with the same mksquashfs and the same
// compression:
//
//	bare     mksquashfs on the directory, with its defaults: the baseline, ratio 1
//	action   mkportable from a spec: the image action's command, without Bazel
//
// It prints a table in Markdown: medians, their ratios, mkportable's peak memory, and
// the bytes that the action wrote to the disk as a ratio to the image's: 1 if no copy
// is made on the way. The tree is removed, also when it is interrupted.
//
// With --check the exit status is 1 when a figure misses its goal: a ratio of the action
// of 1.05 (at the rule's level), 64 MB of memory, 1.01 times the image written.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	sizes := flag.String("sizes", "1000,20000,100000", "numbers of files, or sizes of a single one, as 4GiB")
	level := flag.Int("level", 19, "zstd's level; 19 is the rule's, 3 shows what is not compression")
	rounds := flag.Int("rounds", 0, "measurements of each way; 0 for fewer the larger the tree")
	check := flag.Bool("check", false, "fail when a figure misses its goal")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *sizes, *level, *rounds, *check); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, sizes string, level, rounds int, check bool) error {
	var trees []treeSize
	for size := range strings.SplitSeq(sizes, ",") {
		tree, err := parseSize(size)
		if err != nil {
			return err
		}
		trees = append(trees, tree)
	}
	fmt.Printf("zstd -%d, mksquashfs's time alone is 1\n\n", level)
	fmt.Println("| tree | bare | action | ratio | mkportable's memory | written / image |")
	fmt.Println("| --- | --- | --- | --- | --- | --- |")
	var missed []error
	for _, tree := range trees {
		n := rounds
		if n == 0 {
			n = tree.rounds()
		}
		row, err := measure(ctx, tree, level, n)
		if err != nil {
			return fmt.Errorf("%s: %w", tree, err)
		}
		fmt.Println(row)
		if check {
			missed = append(missed, row.check())
		}
	}
	return errors.Join(missed...)
}

// measure makes a tree, packs it in all ways, and returns the table's row.
func measure(ctx context.Context, tree treeSize, level, rounds int) (*row, error) {
	b, err := newBenchmark(level)
	if err != nil {
		return nil, err
	}
	defer b.remove()
	fmt.Fprintf(os.Stderr, "writing %s\n", tree)
	if err := b.makeTree(ctx, tree); err != nil {
		return nil, err
	}
	ways := []way{{"bare", b.bare}, {"action", b.action}}
	times := make(map[string][]time.Duration)
	// The first round is for the caches.
	for round := range rounds + 1 {
		for _, way := range ways {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round, rounds, way.name)
			start := time.Now()
			if err := way.run(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", way.name, err)
			}
			if round > 0 {
				times[way.name] = append(times[way.name], time.Since(start))
			}
		}
	}
	r := &row{tree: tree, memory: b.peak, written: b.written, medians: make(map[string]time.Duration)}
	for name, all := range times {
		r.medians[name] = median(all)
	}
	return r, nil
}

type way struct {
	name string
	run  func(context.Context) error
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}
