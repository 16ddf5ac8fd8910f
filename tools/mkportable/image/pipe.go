package image

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// A pipe leads to mksquashfs. It takes the content of a file as pages of the kernel's
// cache, without a copy (splice(2)): mksquashfs sees what is written to a file until it has
// read that.
type pipe struct {
	file     *os.File
	conn     syscall.RawConn
	progress *progress
}

// pipeSize lets mksquashfs read on while a file is opened.
const pipeSize = 1 << 20

func newPipe(file *os.File, progress *progress) (*pipe, error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	// Only faster, so that a refusal does not matter.
	_ = conn.Control(func(fd uintptr) {
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, syscall.F_SETPIPE_SZ, pipeSize)
	})
	return &pipe{file, conn, progress}, nil
}

func (p *pipe) Write(b []byte) (int, error) {
	n, err := p.file.Write(b)
	p.progress.wrote(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom. Of a file, at most as much as a LimitedReader says,
// the pages are moved; all else is copied.
func (p *pipe) ReadFrom(r io.Reader) (int64, error) {
	if limited, ok := r.(*io.LimitedReader); ok {
		if file, ok := limited.R.(*os.File); ok {
			n, err := p.move(file, limited.N)
			limited.N -= n
			if n > 0 || err == nil {
				return n, err
			}
			// Not every file system and sandbox lets splice. If that is not what is wrong,
			// the copy will say it.
		}
	}
	return io.Copy(struct{ io.Writer }{p}, r)
}

// move splices up to size bytes, fewer only at the file's end.
func (p *pipe) move(file *os.File, size int64) (moved int64, err error) {
	for moved < size {
		n, err := p.splice(file, size-moved)
		if err != nil {
			return moved, os.NewSyscallError("splice", err)
		}
		if n == 0 {
			break
		}
		moved += n
		p.progress.wrote(int(n))
	}
	return moved, nil
}

// splice waits for room in the pipe.
func (p *pipe) splice(file *os.File, size int64) (n int64, err error) {
	waitErr := p.conn.Write(func(fd uintptr) bool {
		for {
			// An int on some architectures, an int64 on others.
			moved, e := syscall.Splice(int(file.Fd()), nil, int(fd), nil, int(min(size, pipeSize)), 0)
			n, err = int64(moved), e
			if err != syscall.EINTR {
				return err != syscall.EAGAIN
			}
		}
	})
	return n, errors.Join(err, waitErr)
}
