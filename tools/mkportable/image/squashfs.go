package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// arguments make mksquashfs read a tar archive from its standard input and depend on nothing else
// in its environment.
func (fs *FileSystem) arguments(output string) []string {
	timestamp := strconv.FormatInt(fs.Timestamp, 10)
	args := []string{
		"-", output, "-tar",
		"-noappend", "-no-progress", "-quiet",
		// Problems that mksquashfs would ignore are errors.
		"-exit-on-error",
		// The archive does not contain the root directory. By default, in tar mode, it would have
		// the caller as owner, mode 0777 and the current time.
		"-root-uid", "0", "-root-gid", "0", "-root-mode", "0755", "-root-time", timestamp,
		"-mkfs-time", timestamp,
		"-no-xattrs",
		"-b", strconv.Itoa(fs.BlockSize),
		"-comp", fs.Compression,
	}
	if fs.Level != 0 {
		args = append(args, "-Xcompression-level", strconv.Itoa(fs.Level))
	}
	if fs.Processors != 0 {
		args = append(args, "-processors", strconv.Itoa(fs.Processors))
	}
	if fs.Memory != 0 {
		args = append(args, "-mem", strconv.Itoa(fs.Memory)+"M")
	}
	return args
}

// make makes the file system in output from the tar archive that write writes. Every message of
// mksquashfs is an error, even a warning.
func (fs *FileSystem) make(ctx context.Context, output string, write func(io.Writer) error) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := fs.Mksquashfs.Command(running, fs.arguments(output)...)
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
		// A truncated archive must not look complete.
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

// head is a writer that keeps the first bytes.
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
