package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// probeLimit is several times the time in which a kernel boots with KVM. If KVM hangs, each
// test waits this long.
const probeLimit = 5 * time.Second

// kvmWanted reports whether this machine's /dev/kvm really boots the kernel: some can be
// opened, but then hang or fail. With $VM_ACCEL=tcg it does not try.
func (m *machine) kvmWanted(ctx context.Context) bool {
	if os.Getenv("VM_ACCEL") == "tcg" {
		return false
	}
	if err := m.tryKVM(ctx); err != nil {
		fmt.Printf("--- %s: no KVM, the CPU is emulated: %v\n", m.Suite, err)
		return false
	}
	return true
}

func (m *machine) tryKVM(ctx context.Context) error {
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
	if err := m.writeProbeInitrd(initrd); err != nil {
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
	// Children of QEMU may keep the pipe open.
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

// writeProbeInitrd writes a root file system with this program and nothing else.
func (m *machine) writeProbeInitrd(to string) (err error) {
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	out := newCPIOWriter(file)
	if err := out.directory("dev"); err != nil {
		return err
	}
	for _, device := range []cpioEntry{
		{path: "dev/console", mode: typeCharacterDevice | 0o600, major: 5, minor: 1},
		// The second serial port: of a PC, or of Arm's virt board.
		{path: "dev/probe", mode: typeCharacterDevice | 0o600, major: boards[m.Architecture].major, minor: 65},
	} {
		if err := out.entry(device); err != nil {
			return err
		}
	}
	if err := out.file("init", m.Agent); err != nil {
		return err
	}
	return out.end()
}
