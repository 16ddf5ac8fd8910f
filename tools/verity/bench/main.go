// Bench measures the cost of an image with a hash tree beyond copying the squashfs and hashing
// the copy.
//
//	bazel run //tools/verity/bench -- --sizes=100,1000
//
// For each size it writes a file that looks like a squashfs, and makes by turns
//
//	baseline  a copy, and the copy's SHA-256, in a process of its own: ratio 1
//	mkverity  the image: the action's command, without Bazel
//
// It prints a table in Markdown: medians, their ratio, the ratio of the processors' time (which
// other programs on the machine disturb less), mkverity's peak memory, and the size of the image
// as a ratio to the squashfs. The goal for both ratios of times is 1.3.
package main

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// copyAndHash is the first argument of the process that is the baseline.
const copyAndHash = "copy-and-hash"

func main() {
	if len(os.Args) == 4 && os.Args[1] == copyAndHash {
		if err := baseline(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
		return
	}
	sizes := flag.String("sizes", "3,100,1000", "sizes of the squashfs, in MB")
	rounds := flag.Int("rounds", 7, "measurements of each way, after one for the caches")
	flag.Parse()
	if err := run(*sizes, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(sizes string, rounds int) (err error) {
	mkverity, err := runfile.Path("MKVERITY")
	if err != nil {
		return err
	}
	directory, err := os.MkdirTemp("", "verity-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(directory)) }()
	b := &bench{mkverity, filepath.Join(directory, "squashfs.raw"), filepath.Join(directory, "output"), 0}
	fmt.Println("| squashfs | copy and hash | mkverity | ratio | ratio of CPU time | mkverity's memory | size |")
	fmt.Println("| --- | --- | --- | --- | --- | --- | --- |")
	for text := range strings.SplitSeq(sizes, ",") {
		megabytes, err := strconv.Atoi(text)
		if err != nil || megabytes < 1 {
			return fmt.Errorf("--sizes: %q is not a number of MB", text)
		}
		if err := b.write(int64(megabytes) * 1_000_000); err != nil {
			return err
		}
		if err := b.measure(megabytes, rounds); err != nil {
			return err
		}
	}
	return nil
}

type bench struct {
	mkverity, squashfs, output string
	memory                     int64 // mkverity's peak, in bytes
}

// write writes the squashfs, of whole blocks and with nothing that is twice in it.
func (b *bench) write(size int64) error {
	size &^= 4095
	file, err := os.Create(b.squashfs)
	if err != nil {
		return err
	}
	head := make([]byte, 96)
	copy(head, "hsqs")
	binary.LittleEndian.PutUint64(head[40:], uint64(size))
	_, err = io.CopyN(file, rand.NewChaCha8([32]byte{}), size)
	_, headErr := file.WriteAt(head, 0)
	return errors.Join(err, headErr, file.Close())
}

func (b *bench) measure(megabytes, rounds int) error {
	times, processor := map[string][]time.Duration{}, map[string][]time.Duration{}
	b.memory = 0
	for round := range rounds + 1 {
		for name, way := range map[string]func() (*os.ProcessState, error){"baseline": b.copyAndHash, "mkverity": b.make} {
			if err := os.RemoveAll(b.output); err != nil {
				return err
			}
			start := time.Now()
			state, err := way()
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if round > 0 {
				times[name] = append(times[name], time.Since(start))
				processor[name] = append(processor[name], state.UserTime()+state.SystemTime())
			}
		}
	}
	if _, err := b.make(); err != nil {
		return err
	}
	before, err := os.Stat(b.squashfs)
	if err != nil {
		return err
	}
	after, err := os.Stat(b.output)
	if err != nil {
		return err
	}
	baseline, ours := median(times["baseline"]), median(times["mkverity"])
	fmt.Printf("| %d MB | %.3f s | %.3f s | %.2f | %.2f | %.1f MB | %.4f |\n", megabytes, baseline.Seconds(), ours.Seconds(),
		ours.Seconds()/baseline.Seconds(), median(processor["mkverity"]).Seconds()/median(processor["baseline"]).Seconds(), float64(b.memory)/1e6, float64(after.Size())/float64(before.Size()))
	return nil
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// baseline copies a file and hashes the copy.
func baseline(squashfs, output string) error {
	from, err := os.Open(squashfs)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.Create(output)
	if err != nil {
		return err
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		return err
	}
	if _, err := to.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.CopyBuffer(sha256.New(), struct{ io.Reader }{to}, make([]byte, 1<<20))
	return err
}

func (b *bench) copyAndHash() (*os.ProcessState, error) {
	cmd := exec.Command("/proc/self/exe", copyAndHash, b.squashfs, b.output)
	cmd.Stderr = os.Stderr
	err := cmd.Run()
	return cmd.ProcessState, err
}

func (b *bench) make() (*os.ProcessState, error) {
	cmd := exec.Command(b.mkverity, "--architecture=x86-64", b.squashfs, b.output)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, err
	}
	// In KiB, of this process alone: it starts no other.
	b.memory = max(b.memory, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10)
	return cmd.ProcessState, nil
}
