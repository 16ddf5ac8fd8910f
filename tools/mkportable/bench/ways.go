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
)

type benchmark struct {
	root, mkportable string
	mksquashfs       program.Program
	level            int
	peak             int64   // mkportable's memory, in bytes
	written          float64 // to the disk by the action, as a ratio to the image
}

func newBenchmark(level int) (*benchmark, error) {
	b := &benchmark{level: level}
	var err error
	if b.mkportable, err = runfile.Path("MKPORTABLE"); err != nil {
		return nil, err
	}
	if b.mksquashfs, err = runfile.Program("MKSQUASHFS"); err != nil {
		return nil, err
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

// The same value as in portable_image.
const (
	blockSize  = "1048576"
	processors = "4"
	memory     = "512" // MiB
)

func (b *benchmark) bare(ctx context.Context) error {
	cmd := b.mksquashfs.Command(ctx, b.tree(), b.output(), "-noappend", "-quiet", "-no-progress", "-all-root", "-no-xattrs",
		"-b", blockSize, "-comp", "zstd", "-Xcompression-level", strconv.Itoa(b.level),
		// The same resources, or the number of threads would be compared.
		"-processors", processors, "-mem", memory+"M")
	cmd.Stderr = os.Stderr
	return cmd.Run()
}

func (b *benchmark) action(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, b.mkportable, "--spec="+b.spec(), "--output="+b.output(),
		"--mksquashfs="+b.mksquashfs.Path, "--loader="+b.mksquashfs.Loader, "--libraries="+b.mksquashfs.Libraries,
		"--compression=zstd", "--level="+strconv.Itoa(b.level), "--block-size="+blockSize, "--processors="+processors, "--memory="+memory)
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
