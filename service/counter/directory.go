package counter

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"example.org/portable-walkthrough-go/service/fewtasks"
)

// A directory is what the counter needs of the state directory; a test replaces it
// to cut the power. Names are names of files in it.
type directory interface {
	// open opens a regular file and locks it.
	open(name string) (file, error)
	// create makes an empty file of a name that is new.
	create() (file, error)
	// link gives a file a second name, if that is free (os.ErrExist).
	link(file file, name string) error
	// remove removes the name that create gave a file.
	remove(file file) error
	// sync waits until names are on disk.
	sync() error
}

type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Name() string
	Size() (int64, error)
	// Sync waits until what was written is on disk.
	Sync() error
}

// create creates the counter's file. The file gets its name when its content is on
// disk, so under that name it is always whole. The name itself may not be on disk yet.
func create(directory directory, content []byte) (err error) {
	temporary, err := directory.create()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temporary.Close(), directory.remove(temporary)) }()
	if _, err := temporary.WriteAt(content, 0); err != nil {
		return err
	}
	if err := temporary.Sync(); err != nil {
		return err
	}
	// A link, unlike a rename, does not replace a counter that another process has
	// created meanwhile.
	if err := directory.link(temporary, FileName); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// osDirectory is the path of a directory of the operating system.
type osDirectory string

func (d osDirectory) open(name string) (file, error) {
	// O_NOFOLLOW: a symbolic link could lead out of the directory. O_NONBLOCK:
	// opening a FIFO must not wait for a writer.
	f, err := os.OpenFile(filepath.Join(string(d), name), os.O_RDWR|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if err := claim(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%q: %w", f.Name(), err), f.Close())
	}
	return osFile{f}, nil
}

func claim(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("not a regular file (%v)", info.Mode())
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errors.New("locked by another process")
	}
	return os.NewSyscallError("flock", err)
}

func (d osDirectory) create() (file, error) {
	f, err := os.CreateTemp(string(d), "."+FileName+"-*")
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDirectory) link(f file, name string) error {
	return os.Link(f.Name(), filepath.Join(string(d), name))
}

func (osDirectory) remove(f file) error { return os.Remove(f.Name()) }

func (d osDirectory) sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type osFile struct{ *os.File }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Sync is fdatasync(2): of the inode only the size matters, which does not change.
func (f osFile) Sync() error { return fewtasks.Sync(f.File) }
