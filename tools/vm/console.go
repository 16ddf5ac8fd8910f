package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A consoleDescription is what the rule vm_console writes.
type consoleDescription struct {
	Machines []machine `json:"machines"`
	// Files are runfiles locations by absolute paths, or by their names below /vm/files.
	Files map[string]string `json:"files"`
	// Before are shell commands that run before the shell starts.
	Before []string `json:"before"`
}

// welcome is what the shell starts with.
const welcome = `
This is a virtual machine with systemd. The files to try are in this directory.
Ctrl-D ends the machine, and so does Ctrl-A X.

`

// console boots the machine that --suite names, with a shell on this terminal.
func console(ctx context.Context) error {
	var d consoleDescription
	if err := readDescription("VM_CONSOLE", &d); err != nil {
		return err
	}
	var names []string
	for _, m := range d.Machines {
		names = append(names, m.Suite)
	}
	wanted := flag.String("suite", names[0], "one of "+strings.Join(names, ", "))
	flag.Parse()
	if err := resolveFiles(d.Files); err != nil {
		return err
	}
	for _, m := range d.Machines {
		if m.Suite != *wanted {
			continue
		}
		if err := m.resolve(); err != nil {
			return err
		}
		fmt.Printf("Booting %s; a shell comes in some seconds. Ctrl-D there, or Ctrl-A X, ends it.\n", m.Suite)
		return m.shell(ctx, d)
	}
	return fmt.Errorf("--suite=%s: no such suite; give one of %s", *wanted, strings.Join(names, ", "))
}

// shell boots the machine with a shell on this terminal and the description's files. It
// returns when the shell ends.
func (m *machine) shell(ctx context.Context, d consoleDescription) error {
	scratch, err := os.MkdirTemp("", "vm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	p := newPayload(consoleUnit, m.Agent, d.Files)
	script := "set -x\n" + strings.Join(d.Before, "\n") + "\n"
	p.texts = map[string]string{"vm/welcome": welcome, "vm/before": script}
	initrd := filepath.Join(scratch, "initrd")
	if err := m.writeInitrd(initrd, p.write); err != nil {
		return err
	}
	state := filepath.Join(scratch, "state")
	if err := writeBlank(state, stateSize); err != nil {
		return err
	}
	cmd, err := m.command(ctx, scratch, boot{
		initrd: initrd,
		disks:  []disk{{"state", state}},
		// Ctrl-A X ends QEMU, Ctrl-C goes to the machine.
		serial: [2]string{"mon:stdio", "null"},
		kvm:    m.kvmWanted(ctx),
	})
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
