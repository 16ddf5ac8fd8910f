package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// The test's program, and the disk for its outputs, by its serial number.
const (
	testProgram = "/vm/test"
	outputDisk  = "output"
)

// runOrder runs the test, keeps its outputs and ends the machine.
func runOrder() error {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	order, err := guest.ParseCommandLine(string(line))
	if err != nil {
		return err
	}
	port, err := openPort(order.Port)
	if err != nil {
		return err
	}
	say := func(r guest.Record) { fmt.Fprint(port, r.Line()) }

	version, _ := exec.Command("systemctl", "--version").Output()
	first, _, _ := strings.Cut(string(version), "\n")
	say(guest.Record{Event: guest.UpEvent, Systemd: first})

	status := runTest(order, port)
	if err := keep(); err != nil {
		fmt.Fprintf(port, "vm: outputs are lost: %v\n", err)
		status = max(status, 1)
	}
	if next, ok := nextStage(); ok && status == 0 {
		say(guest.Record{Event: guest.RebootEvent, Next: next})
		return exec.Command("systemctl", "reboot").Run()
	}
	say(guest.Record{Event: guest.DoneEvent, Status: status})
	// tcdrain(3): the record must have left the port.
	if err := unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1); err != nil {
		return err
	}
	return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// openPort opens the port and has it pass bytes on as they are.
func openPort(name string) (*os.File, error) {
	port, err := os.OpenFile(name, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	settings, err := unix.IoctlGetTermios(int(port.Fd()), unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	settings.Oflag &^= unix.OPOST
	settings.Lflag &^= unix.ECHO | unix.ICANON
	return port, unix.IoctlSetTermios(int(port.Fd()), unix.TCSETS, settings)
}

func runTest(order guest.Order, port io.Writer) (status int) {
	if err := os.MkdirAll(guest.Keep, 0o755); err != nil {
		fmt.Fprintln(port, "vm:", err)
		return 1
	}
	// Longer than the test's own limit, at which it shows what it was at.
	test := exec.Command(testProgram, "-test.v", fmt.Sprintf("-test.timeout=%ds", order.Seconds))
	stage := ""
	if order.Boot > 1 {
		stage = "later"
	}
	if order.Stage.Run != "" {
		test.Args = append(test.Args, "-test.run="+order.Stage.Run)
	}
	test.Env = []string{
		"HOME=/root", "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", "TERM=dumb",
		// rules_go's tests write their results there.
		"XML_OUTPUT_FILE=" + guest.Keep + "/test.xml",
		guest.PortVariable + "=" + order.Port, guest.StageVariable + "=" + stage, guest.ValueVariable + "=" + order.Stage.Value,
	}
	test.Dir = "/"
	test.Stdout, test.Stderr = port, port
	err := test.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintf(port, "vm: %s: %v\n", testProgram, err)
		return 1
	}
	return 0
}

// nextStage is what the test has asked for.
func nextStage() (*guest.Stage, bool) {
	text, err := os.ReadFile(guest.NextFile)
	if err != nil {
		return nil, false
	}
	var next guest.Stage
	return &next, json.Unmarshal(text, &next) == nil
}

// keep writes the journal and what the test kept to the output disk, as a tar archive.
func keep() error {
	journal, err := exec.Command("journalctl", "--no-pager", "--output=short-monotonic").Output()
	if err != nil {
		return fmt.Errorf("journalctl: %w", err)
	}
	if err := os.WriteFile(guest.Keep+"/journal.log", journal, 0o644); err != nil {
		return err
	}
	device, err := guest.Disk(outputDisk)
	if err != nil {
		return err
	}
	disk, err := os.OpenFile(device, os.O_WRONLY|unix.O_SYNC, 0)
	if err != nil {
		return err
	}
	out := tar.NewWriter(disk)
	err = filepath.WalkDir(guest.Keep, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(guest.Keep, path)
		if err != nil {
			return err
		}
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err = out.Write(text)
		return err
	})
	return errors.Join(err, out.Close(), disk.Close())
}
