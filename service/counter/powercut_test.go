package counter

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
)

// Power is cut at a random moment, or the process is killed, over and over. Of what
// was not synced the disk keeps what it likes when power is cut, and all when only
// the process ends. No number that was given out comes again.
func TestPowerCuts(t *testing.T) {
	for seed := range uint64(3000) {
		if err := powerCuts(seed, func(d *disk) directory { return d }); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

// The negative controls: without either sync the same test sees a number twice, or
// a counter that was lost.
func TestPowerCutsSeeAMissingSync(t *testing.T) {
	for name, lying := range map[string]func(*disk) directory{
		"of the file":      func(d *disk) directory { d.ignoreSync = true; return d },
		"of the directory": func(d *disk) directory { d.ignoreDirectorySync = true; return d },
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(3000) {
				if err := powerCuts(seed, lying); err != nil {
					t.Logf("seed %d: %v", seed, err)
					return
				}
			}
			t.Fatal("nothing was seen")
		})
	}
}

func powerCuts(seed uint64, with func(*disk) directory) error {
	random := rand.New(rand.NewPCG(seed, 0))
	d := &disk{names: map[string]*inode{}, durable: map[string]*inode{}}
	highest := uint64(0)
	for range 8 {
		d.left = 1 + random.IntN(40)
		if random.IntN(2) == 0 {
			d.left = 1 + random.IntN(8) // The start alone takes that many.
		}
		c, err := open(with(d))
		if err != nil && !errors.Is(err, errPower) {
			return err
		}
		if err == nil {
			var mu sync.Mutex
			var visitors sync.WaitGroup
			var wrong error
			before := highest
			for range 4 {
				visitors.Go(func() {
					for {
						n, err := c.Next()
						mu.Lock()
						if err == nil && n <= before {
							wrong = fmt.Errorf("got #%d, but #%d was given out before", n, before)
						}
						if err == nil {
							highest = max(highest, n)
						}
						mu.Unlock()
						if err != nil {
							return
						}
					}
				})
			}
			visitors.Wait()
			if wrong != nil {
				return wrong
			}
		}
		if random.IntN(3) > 0 {
			d.cut(random)
		} // Else it was killed.
	}
	return nil
}

var errPower = errors.New("power is off")

// A disk is a directory whose content and names are on disk only after a sync. A
// record is less than a sector, so it is on disk as a whole or not.
type disk struct {
	ignoreSync, ignoreDirectorySync bool

	mu       sync.Mutex
	left     int               // operations until power is cut, or the process killed
	names    map[string]*inode // as seen by the system
	durable  map[string]*inode // as on disk
	sequence int
}

type inode struct {
	content []byte
	written [][]byte // contents not synced, oldest first
}

// operation reports whether there is still power for one more.
func (d *disk) operation() error {
	if d.left--; d.left < 0 {
		return errPower
	}
	return nil
}

func (d *disk) cut(random *rand.Rand) {
	// Of the names changed, the disk may have all.
	if random.IntN(2) == 0 {
		d.durable = maps.Clone(d.names)
	}
	for _, node := range d.durable {
		if n := random.IntN(len(node.written) + 1); n > 0 {
			node.content = node.written[n-1]
		}
		node.written = nil
	}
	d.names = maps.Clone(d.durable)
}

func (d *disk) open(name string) (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if node := d.names[name]; node != nil {
		return &diskFile{d, name, node}, d.operation()
	}
	return nil, os.ErrNotExist
}

func (d *disk) create() (file, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sequence++
	name := fmt.Sprint("temporary", d.sequence)
	d.names[name] = &inode{}
	return &diskFile{d, name, d.names[name]}, d.operation()
}

func (d *disk) link(f file, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.names[name] != nil {
		return os.ErrExist
	}
	d.names[name] = f.(*diskFile).node
	return d.operation()
}

func (d *disk) remove(f file) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.names, f.Name())
	return d.operation()
}

func (d *disk) sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.operation(); err != nil || d.ignoreDirectorySync {
		return err
	}
	d.durable = maps.Clone(d.names)
	return nil
}

type diskFile struct {
	disk *disk
	name string
	node *inode
}

func (f *diskFile) now() []byte {
	if n := len(f.node.written); n > 0 {
		return f.node.written[n-1]
	}
	return f.node.content
}

func (f *diskFile) ReadAt(p []byte, _ int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	n := copy(p, f.now())
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *diskFile) WriteAt(p []byte, _ int64) (int, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.node.written = append(f.node.written, append([]byte(nil), p...))
	return len(p), f.disk.operation()
}

func (f *diskFile) Sync() error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.operation(); err != nil || f.disk.ignoreSync {
		return err
	}
	f.node.content, f.node.written = f.now(), nil
	return nil
}

func (f *diskFile) Name() string { return f.name }

func (f *diskFile) Size() (int64, error) { return int64(len(f.now())), nil }

func (f *diskFile) Close() error { return nil }
