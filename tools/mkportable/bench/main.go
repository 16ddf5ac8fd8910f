// Bench measures what the image action costs beyond mksquashfs itself.
//
//	bazel run //tools/mkportable/bench -- --rounds 5
//
// It makes a tree of files and packs it in three ways by turns, with the same
// mksquashfs and the same compression:
//
//	bare     mksquashfs on the directory, with its defaults: the baseline, ratio 1
//	action   mkportable from a spec: the image action's command, without Bazel
//	staged   cp -r to a staging directory, then mksquashfs on that
//
// It prints medians, their ratios and mkportable's peak memory.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/imported"
	"example.org/portable-walkthrough-go/tools/mkportable/image"
)

func main() {
	files := flag.Int("files", 20_000, "files in the tree")
	megabytes := flag.Int("mb", 500, "their total size, in MB")
	level := flag.Int("level", 3, "zstd's level: a fast one shows what is not compression")
	rounds := flag.Int("rounds", 5, "measurements of each way")
	flag.Parse()
	if err := bench(*files, *megabytes*1_000_000, *level, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func bench(files, bytes, level, rounds int) error {
	root, err := os.MkdirTemp("", "mkportable-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	fmt.Fprintf(os.Stderr, "writing %d files, %d MB\n", files, bytes/1_000_000)
	b := &benchmark{root: root}
	if b.mkportable, err = runfile("MKPORTABLE"); err != nil {
		return err
	}
	mksquashfs, err := runfile("MKSQUASHFS")
	if err != nil {
		return err
	}
	if b.mksquashfs, err = imported.Find(mksquashfs); err != nil {
		return err
	}
	b.squashfs = image.Squashfs{
		Mksquashfs: b.mksquashfs.Path, Loader: b.mksquashfs.Loader, Libraries: b.mksquashfs.Libraries,
		Compression: "zstd", Level: level, BlockSize: 1 << 20,
		Processors: 4, Memory: 512, // as portable_image has it
	}
	if err := b.makeTree(files, bytes); err != nil {
		return err
	}

	ways := []struct {
		name string
		run  func() error
	}{
		{"bare", func() error { return b.bare(b.tree()) }},
		{"action", b.action},
		{"staged", b.staged},
	}
	times := make(map[string][]time.Duration)
	for round := range rounds + 1 {
		for _, way := range ways {
			fmt.Fprintf(os.Stderr, "round %d of %d: %s\n", round, rounds, way.name)
			start := time.Now()
			if err := way.run(); err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			// The first round is for the caches.
			if round > 0 {
				times[way.name] = append(times[way.name], time.Since(start))
			}
		}
	}
	fmt.Printf("%d files, %d MB, zstd -%d, %d rounds\n", files, bytes/1_000_000, level, rounds)
	fmt.Printf("%-8s %10s %8s\n", "way", "median", "ratio")
	base := median(times["bare"])
	for _, way := range ways {
		m := median(times[way.name])
		fmt.Printf("%-8s %9.2fs %7.2fx\n", way.name, m.Seconds(), m.Seconds()/base.Seconds())
	}
	fmt.Printf("mkportable's peak memory: %.1f MB\n", float64(b.peak)/1e6)
	return nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

func runfile(variable string) (string, error) {
	path, err := runfiles.Rlocation(os.Getenv(variable))
	if err != nil {
		return "", fmt.Errorf("run me with bazel run: %w", err)
	}
	return filepath.EvalSymlinks(path)
}

type benchmark struct {
	root, mkportable string
	mksquashfs       imported.Program
	squashfs         image.Squashfs
	peak             int64 // bytes
}

func (b *benchmark) tree() string   { return filepath.Join(b.root, "tree") }
func (b *benchmark) spec() string   { return filepath.Join(b.root, "spec.jsonl") }
func (b *benchmark) output() string { return filepath.Join(b.root, "out.raw") }

// makeTree writes the files, half random and half zeroes, and their spec.
func (b *benchmark) makeTree(files, bytes int) error {
	random := rand.NewChaCha8([32]byte{})
	content := make([]byte, bytes/files)
	spec, err := os.Create(b.spec())
	if err != nil {
		return err
	}
	defer spec.Close()
	lines := bufio.NewWriter(spec)
	encoder := json.NewEncoder(lines)
	header := image.Header{Label: "//:bench", Name: "bench", Prefixes: []string{"bench"}, Output: b.output(), UnitDir: "/usr/lib/systemd/system", Squashfs: b.squashfs}
	if err := encoder.Encode(header); err != nil {
		return err
	}
	for i := range files {
		name := fmt.Sprintf("/usr/share/bench/%03d/file%07d", i%200, i)
		switch i {
		case 0:
			name = "/usr/lib/os-release"
		case 1:
			name = header.UnitDir + "/bench.service"
		}
		_, _ = random.Read(content[:len(content)/2])
		path := filepath.Join(b.tree(), name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
		if err := encoder.Encode(image.Entry{Path: name, Type: image.File, Mode: "0644", Source: path}); err != nil {
			return err
		}
	}
	return lines.Flush()
}

func (b *benchmark) bare(directory string) error {
	q := b.squashfs
	cmd := b.mksquashfs.Command(context.Background(), directory, b.output(), "-noappend", "-quiet", "-no-progress", "-all-root", "-no-xattrs",
		"-b", strconv.Itoa(q.BlockSize), "-comp", q.Compression, "-Xcompression-level", strconv.Itoa(q.Level))
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func (b *benchmark) staged() error {
	staging := filepath.Join(b.root, "staging")
	defer os.RemoveAll(staging)
	if out, err := exec.Command("cp", "-r", b.tree(), staging).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return b.bare(staging)
}

func (b *benchmark) action() error {
	cmd := exec.Command(b.mkportable, b.spec())
	cmd.Env, cmd.Stderr = []string{}, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	watched := make(chan struct{})
	// Not the resource usage that wait(2) reports: that is mksquashfs's as well.
	go func() {
		defer close(watched)
		for {
			b.peak = max(b.peak, highWater(cmd.Process.Pid))
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	err := cmd.Wait()
	close(done)
	<-watched
	return err
}

// highWater reads the peak resident set of a process (proc_pid_status(5)), in
// bytes; 0 when the process is gone.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}
