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
	"syscall"

	"example.org/portable-walkthrough-go/tools/vm/guest"
	"example.org/portable-walkthrough-go/tools/vm/protocol"
)

// testPrograms is the pattern of the programs to run, in the order of their names.
// outputDisk is the serial number of the disk for their outputs.
const (
	testPrograms = "/vm/test[0-9]"
	outputDisk   = "output"
)

// runOrder runs the test, keeps its outputs and ends the machine.
func runOrder() error {
	line, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return err
	}
	order, err := protocol.ParseCommandLine(string(line))
	if err != nil {
		return err
	}
	port, err := openPort(order.Port)
	if err != nil {
		return err
	}
	say := func(r protocol.Record) { fmt.Fprint(port, r.Line()) }

	version, _ := exec.Command("systemctl", "--version").Output()
	first, _, _ := strings.Cut(string(version), "\n")
	say(protocol.Record{Event: protocol.UpEvent, Systemd: first})

	status := runTests(order, port)
	if err := keep(); err != nil {
		fmt.Fprintf(port, "vm: outputs are lost: %v\n", err)
		status = max(status, 1)
	}
	if next, ok := nextStage(); ok && status == 0 {
		say(protocol.Record{Event: protocol.RebootEvent, Next: next})
		return exec.Command("systemctl", "reboot").Run()
	}
	say(protocol.Record{Event: protocol.DoneEvent, Status: status})
	if err := drain(port); err != nil {
		return err
	}
	return syscall.Reboot(syscall.LINUX_REBOOT_CMD_RESTART)
}

// runTests runs the programs; in a later boot, the last one.
func runTests(order protocol.Order, port io.Writer) (status int) {
	if err := os.MkdirAll(guest.Keep, 0o755); err != nil {
		fmt.Fprintln(port, "vm:", err)
		return 1
	}
	programs, err := filepath.Glob(testPrograms)
	if err != nil || len(programs) == 0 {
		fmt.Fprintln(port, "vm: no test to run", err)
		return 1
	}
	last := len(programs) - 1
	for i, program := range programs {
		pattern := order.Only
		if i == last && pattern == "" {
			pattern = order.Stage.Run
		}
		if i == last || order.Boot == 1 {
			status = max(status, runTest(order, program, pattern, port))
		}
	}
	return status
}

func runTest(order protocol.Order, program, pattern string, port io.Writer) (status int) {
	// Longer than the test's own limit, at which it shows what it was at.
	test := exec.Command(program, "-test.v", fmt.Sprintf("-test.timeout=%ds", order.Seconds))
	stage := ""
	if order.Boot > 1 {
		stage = "later"
	}
	if pattern != "" {
		test.Args = append(test.Args, "-test.run="+pattern)
	}
	test.Env = []string{
		"HOME=/root", "LANG=C.UTF-8", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=", "TERM=dumb",
		// Instead of 25 s: a busy machine with an emulated CPU may need longer for a portablectl attach.
		"SYSTEMD_BUS_TIMEOUT=10min",
		// rules_go's tests write their results there.
		"XML_OUTPUT_FILE=" + guest.Keep + "/" + filepath.Base(program) + ".xml",
		protocol.PortVariable + "=" + order.Port, protocol.StageVariable + "=" + stage, protocol.ValueVariable + "=" + order.Stage.Value,
	}
	test.Dir = "/"
	test.Stdout, test.Stderr = port, port
	err := test.Run()
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	case err != nil:
		fmt.Fprintf(port, "vm: %s: %v\n", program, err)
		return 1
	}
	return 0
}

// nextStage returns the stage that the test has asked for.
func nextStage() (*protocol.Stage, bool) {
	text, err := os.ReadFile(protocol.NextFile)
	if err != nil {
		return nil, false
	}
	var next protocol.Stage
	return &next, json.Unmarshal(text, &next) == nil
}

// keep writes the journal and the files that the test kept to the output disk, as a tar archive.
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
	disk, err := os.OpenFile(device, os.O_WRONLY|syscall.O_SYNC, 0)
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
