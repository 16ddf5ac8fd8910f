package machine

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/cpio"
)

// probeLimit is ten times what a kernel needs to boot with KVM.
const probeLimit = 10 * time.Second

// BootsWithKVM tries whether this machine's /dev/kvm really boots the kernel: there
// are some that open, and then hang or fail.
func (m *Machine) BootsWithKVM(ctx context.Context, log io.Writer) bool {
	if err := m.probe(ctx); err != nil {
		fmt.Fprintf(log, "--- %s: no KVM, the CPU is emulated: %v\n", m.Suite, err)
		return false
	}
	return true
}

func (m *Machine) probe(ctx context.Context) error {
	if m.Architecture != runtime.GOARCH {
		return fmt.Errorf("the machine is %s", m.Architecture)
	}
	kvm, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		return err
	}
	kvm.Close()
	scratch, err := os.MkdirTemp(os.Getenv("TEST_TMPDIR"), "vm-probe")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	initrd := filepath.Join(scratch, "initrd")
	if err := m.probeInitrd(initrd); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	cmd, err := m.command(ctx, scratch, boot{
		initrd: initrd,
		append: []string{"vm_probe=/dev/probe"},
		serial: [2]string{"null", "stdio"},
		kvm:    true,
	})
	if err != nil {
		return err
	}
	// QEMU may have children that hold the pipe.
	cmd.WaitDelay = time.Second
	said, err := cmd.CombinedOutput()
	switch {
	case bytes.Contains(said, []byte("booted")):
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("a trial boot hung for %v", probeLimit)
	}
	return fmt.Errorf("a trial boot failed: %v: %s", err, said)
}

// probeInitrd writes a root file system with the agent and nothing else.
func (m *Machine) probeInitrd(to string) (err error) {
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = joinClose(err, file) }()
	out := cpio.NewWriter(file)
	if err := out.Directory("dev"); err != nil {
		return err
	}
	for _, device := range []cpio.Entry{
		{Path: "dev/console", Mode: cpio.CharacterDevice | 0o600, Major: 5, Minor: 1},
		// The second serial port: of a PC, or of Arm's virt board.
		{Path: "dev/probe", Mode: cpio.CharacterDevice | 0o600, Major: boards[m.Architecture].major, Minor: 65},
	} {
		if err := out.Write(device); err != nil {
			return err
		}
	}
	if err := add(out, "init", m.Agent); err != nil {
		return err
	}
	return out.Close()
}
