package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"example.org/portable-walkthrough-go/tools/program"
)

// A machine is the output of the rule vm_machine for a suite: a kernel and an initial root
// file system from Debian packages, and the QEMU that boots them. It has no network,
// and no files of this machine except those that a test names. Paths are runfiles
// locations until resolve is called.
type machine struct {
	// Suite is the machine's name.
	Suite string `json:"suite"`
	// Architecture is "amd64" or "arm64".
	Architecture string `json:"architecture"`
	QEMU         string `json:"qemu"`
	// Firmware are files that QEMU reads.
	Firmware []string `json:"firmware"`
	Kernel   string   `json:"kernel"`
	Initrd   string   `json:"initrd"`
	// Lock lists the packages.
	Lock string `json:"lock"`
	// Agent is this program, built for the machine; it becomes /init there.
	Agent string `json:"agent"`
	// Memory is the size of the machine's memory in MiB.
	Memory int `json:"memory"`
	// Processors is the number of the machine's processors.
	Processors int `json:"processors"`
}

// A board is hardware that QEMU emulates, with the names of its two serial ports in Linux.
type board struct {
	arguments       []string
	tcg             []string
	parameters      []string // for the kernel
	console, second string
	// major is the second port's device number; its minor number is 65.
	major uint32
}

var boards = map[string]board{
	"amd64": {
		arguments: []string{"-machine", "q35,usb=off"},
		// Without cx16: trixie's kernel once panicked on cmpxchg16b.
		tcg: []string{"-accel", "tcg,thread=multi,tb-size=256", "-cpu", "max,-cx16"},
		// On a busy machine ticks are late. A kernel that waits for them, to test its
		// timer, may panic.
		parameters: []string{"no_timer_check"},
		console:    "ttyS0", second: "ttyS1", major: 4,
	},
	"arm64": {
		arguments: []string{"-machine", "virt"},
		tcg:       []string{"-accel", "tcg,thread=multi,tb-size=256", "-cpu", "cortex-a72"},
		console:   "ttyAMA0", second: "ttyAMA1", major: 204,
	},
}

// A boot is one start of QEMU.
type boot struct {
	initrd string
	// append has words for the kernel's command line.
	append []string
	// disks are raw files by serial number.
	disks []disk
	// serial are two arguments of -serial.
	serial [2]string
	kvm    bool
}

type disk struct{ serial, path string }

// resolve turns runfiles locations into paths.
func (m *machine) resolve() error {
	for i := range m.Firmware {
		if err := resolve(&m.Firmware[i]); err != nil {
			return err
		}
	}
	return resolve(&m.QEMU, &m.Kernel, &m.Initrd, &m.Lock, &m.Agent)
}

// command returns a command that starts QEMU. It writes files to the directory scratch.
func (m *machine) command(ctx context.Context, scratch string, b boot) (*exec.Cmd, error) {
	board, ok := boards[m.Architecture]
	if !ok {
		return nil, fmt.Errorf("machine %s: unknown architecture %q; give amd64 or arm64", m.Suite, m.Architecture)
	}
	qemu, err := program.Find(m.QEMU)
	if err != nil {
		return nil, err
	}
	// QEMU looks for firmware by name, in the directory of its build.
	firmware := filepath.Join(scratch, "firmware")
	if err := os.MkdirAll(firmware, 0o755); err != nil {
		return nil, err
	}
	for _, path := range m.Firmware {
		if err := os.Symlink(path, filepath.Join(firmware, filepath.Base(path))); err != nil && !os.IsExist(err) {
			return nil, err
		}
	}
	arguments := append([]string{
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-L", firmware,
		"-smp", strconv.Itoa(m.Processors), "-m", strconv.Itoa(m.Memory), "-kernel", m.Kernel, "-initrd", b.initrd,
		"-serial", b.serial[0], "-serial", b.serial[1],
		"-append", strings.Join(slices.Concat([]string{
			"console=" + board.console, "quiet", "panic=-1", "systemd.show_status=no", "systemd.log_color=0",
			// An emulated CPU has no secrets to leak, and guarding them takes time.
			"mitigations=off", "audit=0",
		}, board.parameters, b.append), " "),
	}, board.arguments...)
	if b.kvm {
		arguments = append(arguments, "-accel", "kvm", "-cpu", "host")
	} else {
		arguments = append(arguments, board.tcg...)
	}
	for _, d := range b.disks {
		arguments = append(arguments,
			"-drive", "file="+strings.ReplaceAll(d.path, ",", ",,")+",format=raw,if=none,id="+d.serial,
			"-device", "nvme,drive="+d.serial+",serial="+d.serial)
	}
	cmd := qemu.Command(ctx, arguments...)
	// QEMU must not outlive this program, even if that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

// writeInitrd writes the machine's root file system and further archives into one file.
func (m *machine) writeInitrd(to string, archives ...func(io.Writer) error) (err error) {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	root, err := os.Open(m.Initrd)
	if err != nil {
		return err
	}
	defer root.Close()
	if _, err := io.Copy(out, root); err != nil {
		return err
	}
	for _, write := range archives {
		if err := write(out); err != nil {
			return err
		}
	}
	return nil
}
