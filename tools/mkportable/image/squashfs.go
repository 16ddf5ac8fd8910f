package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"

	"example.org/portable-walkthrough-go/tools/program"
)

// maxLevel holds the compressions and their highest level; lz4 and xz have none.
var maxLevel = map[string]int{"gzip": 9, "lz4": 0, "xz": 0, "zstd": 22}

func (q *Squashfs) check() error {
	highest, known := maxLevel[q.Compression]
	switch {
	case q.Mksquashfs == "":
		return errors.New("spec names no mksquashfs")
	case !known:
		return fmt.Errorf("compression %q is none of gzip, lz4, xz and zstd; choose one of them", q.Compression)
	case q.Level < 0 || q.Level > highest:
		if highest == 0 {
			return fmt.Errorf("compression %s has no levels; leave compression_level out", q.Compression)
		}
		return fmt.Errorf("compression_level %d: %s has no such level; choose one from 1 to %d, or 0 for its default", q.Level, q.Compression, highest)
	case q.Timestamp < 0 || q.Timestamp > math.MaxUint32:
		return fmt.Errorf("timestamp %d: squashfs has no such time; choose one from 0 to %d, in seconds since 1970", q.Timestamp, int64(math.MaxUint32))
	case q.BlockSize < 4<<10 || q.BlockSize > 1<<20 || q.BlockSize&(q.BlockSize-1) != 0:
		return fmt.Errorf("block_size %d: squashfs has no such blocks; choose a power of two from 4096 to 1048576, in bytes", q.BlockSize)
	}
	return nil
}

// arguments make mksquashfs read a tar archive from its standard input and take
// nothing else from its surroundings.
func (q *Squashfs) arguments(output string) []string {
	timestamp := strconv.FormatInt(q.Timestamp, 10)
	args := []string{
		"-", output, "-tar",
		"-noappend", "-no-progress", "-quiet",
		// What mksquashfs would carry on after is an error.
		"-exit-on-error",
		// The root directory is not in the archive: in tar mode it would be the
		// caller's, with mode 0777 and the time of now.
		"-root-uid", "0", "-root-gid", "0", "-root-mode", "0755", "-root-time", timestamp,
		"-mkfs-time", timestamp,
		"-no-xattrs",
		"-b", strconv.Itoa(q.BlockSize),
		"-comp", q.Compression,
	}
	if q.Level != 0 {
		args = append(args, "-Xcompression-level", strconv.Itoa(q.Level))
	}
	if q.Processors != 0 {
		args = append(args, "-processors", strconv.Itoa(q.Processors))
	}
	if q.Memory != 0 {
		args = append(args, "-mem", strconv.Itoa(q.Memory)+"M")
	}
	return args
}

// run makes the file system in output from what write writes. Anything that
// mksquashfs has to say, be it only a warning, is an error.
func (q *Squashfs) run(ctx context.Context, output string, write func(*os.File) error) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	mksquashfs := program.Program{Path: q.Mksquashfs, Loader: q.Loader, Libraries: q.Libraries}
	cmd := mksquashfs.Command(running, q.arguments(output)...)
	said := &head{max: 1 << 14}
	cmd.Stdout, cmd.Stderr = said, said
	read, archive, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	defer archive.Close()
	cmd.Stdin = read
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start mksquashfs: %w", err)
	}
	read.Close()

	writeErr := write(archive)
	gone := errors.Is(writeErr, syscall.EPIPE)
	if writeErr != nil && !gone {
		// Half an archive must not look like a whole one.
		cancel()
	}
	archive.Close()
	waitErr := cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("mksquashfs: %w", context.Cause(ctx))
	case writeErr != nil && !gone:
		return writeErr
	case waitErr != nil || gone:
		return fmt.Errorf("mksquashfs failed: %s", said.reason(waitErr))
	case len(said.text) > 0:
		return fmt.Errorf("mksquashfs warned: %s", said.reason(nil))
	}
	return nil
}

// head keeps the start of what is written to it.
type head struct {
	text []byte
	max  int
}

func (h *head) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), h.max-len(h.text))]...)
	return len(p), nil
}

func (h *head) reason(err error) string {
	text := strings.Join(strings.Fields(string(bytes.TrimSpace(h.text))), " ")
	switch {
	case text != "":
		return text
	case err != nil:
		return err.Error()
	}
	return "it ended before it had read all, and said nothing"
}
