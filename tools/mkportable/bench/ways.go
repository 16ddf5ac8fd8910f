package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/spec"
)

type benchmark struct {
	root, mkportable string
	mksquashfs       program.Program
	squashfs         spec.Squashfs
	peak             int64   // mkportable's memory, in bytes
	written          float64 // to the disk by the action, as a ratio to the image
}

func newBenchmark(level int) (*benchmark, error) {
	b := new(benchmark)
	var err error
	if b.mkportable, err = runfile.Path("MKPORTABLE"); err != nil {
		return nil, err
	}
	mksquashfs, err := runfile.Path("MKSQUASHFS")
	if err != nil {
		return nil, err
	}
	if b.mksquashfs, err = program.Find(mksquashfs); err != nil {
		return nil, err
	}
	b.squashfs = spec.Squashfs{
		Mksquashfs: b.mksquashfs.Path, Loader: b.mksquashfs.Loader, Libraries: b.mksquashfs.Libraries,
		Compression: "zstd", Level: level, BlockSize: 1 << 20,
		Processors: 4, Memory: 512, // as portable_image has it
	}
	b.root, err = os.MkdirTemp("", "mkportable-bench-")
	return b, err
}

func (b *benchmark) remove() {
	if err := os.RemoveAll(b.root); err != nil {
		fmt.Fprintln(os.Stderr, "bench: left behind:", err)
	}
}

func (b *benchmark) tree() string   { return filepath.Join(b.root, "tree") }
func (b *benchmark) spec() string   { return filepath.Join(b.root, "spec.jsonl") }
func (b *benchmark) output() string { return filepath.Join(b.root, "out.raw") }

func (b *benchmark) bareTree(ctx context.Context) error { return b.bare(ctx, b.tree()) }

func (b *benchmark) bare(ctx context.Context, directory string) error {
	q := b.squashfs
	cmd := b.mksquashfs.Command(ctx, directory, b.output(), "-noappend", "-quiet", "-no-progress", "-all-root", "-no-xattrs",
		"-b", strconv.Itoa(q.BlockSize), "-comp", q.Compression, "-Xcompression-level", strconv.Itoa(q.Level),
		// The same resources, or the number of threads would be compared.
		"-processors", strconv.Itoa(q.Processors), "-mem", strconv.Itoa(q.Memory)+"M")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func (b *benchmark) staged(ctx context.Context) error {
	staging := filepath.Join(b.root, "staging")
	defer os.RemoveAll(staging)
	if out, err := exec.CommandContext(ctx, "cp", "-r", b.tree(), staging).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return b.bare(ctx, staging)
}

func (b *benchmark) action(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, b.mkportable, b.spec())
	cmd.Env, cmd.Stderr = []string{}, os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	watched := make(chan struct{})
	// Not the memory that wait(2) reports: that is mksquashfs's as well.
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
	if err != nil {
		return err
	}
	info, err := os.Stat(b.output())
	if err != nil {
		return err
	}
	// Here mksquashfs shall be counted: getrusage(2) has blocks of 512 bytes, of the
	// process and of those that it waited for.
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	b.written = float64(usage.Oublock*512) / float64(info.Size())
	return nil
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
