package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"unsafe"
)

// A consoleDescription is the description that the rule vm_console writes.
type consoleDescription struct {
	Machines []machine `json:"machines"`
	// Files are runfiles locations by absolute paths, or by their names below /vm/files.
	Files map[string]string `json:"files"`
	// Before are shell commands that run before the shell starts.
	Before []string `json:"before"`
}

// consoleScript runs on the machine's console. PORT, SIZE, TERMINAL and BEFORE are
// placeholders.
const consoleScript = `#!/bin/bash
echo up >PORT
SIZE
for place in /etc/terminfo /lib/terminfo /usr/share/terminfo; do
  for entry in "$place"/*/TERMINAL; do
    [[ ! -e $entry ]] || export TERM=TERMINAL
  done
done
# Ctrl-C ends a command that takes too long, and not the machine.
trap : INT
run() {
  printf '# %s\n' "$1"
  bash -c "$1" || printf 'This failed with exit status %d.\n' "$?"
}
BEFORE
source /etc/os-release
cat <<EOT

This is a virtual machine: $PRETTY_NAME, $(systemctl --version | head -n 1).
The files to try are in this directory. Nothing outside of the machine can be reached,
and all changes are lost at its end.
To leave, type exit or press Ctrl-D. Ctrl-A, then X, ends the machine at once.

EOT
PS1='[\h \w]# ' exec bash --norc
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
	wanted := flag.String("suite", names[0], "the machine to boot: one of "+strings.Join(names, ", "))
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
		return m.shell(ctx, d)
	}
	return fmt.Errorf("--suite=%s: no such suite; give one of %s", *wanted, strings.Join(names, ", "))
}

// shell boots the machine with a shell on this terminal and the description's files. It
// returns when the machine ends; an error means that there was no shell.
func (m *machine) shell(ctx context.Context, d consoleDescription) error {
	settings, err := settingsOf(os.Stdin)
	if err != nil {
		return fmt.Errorf("standard input is not a terminal (%w); run this in one", err)
	}
	size, err := windowSize(os.Stdin)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "vm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	fmt.Printf("Booting %s. A shell follows; to end the machine before that, press Ctrl-A, then X.\n", m.Suite)
	kvm := m.kvmWanted(ctx)

	p := newPayload(consoleUnit, m.Agent, d.Files)
	p.texts = map[string]string{"vm/console": m.consoleScript(d.Before, size, os.Getenv("TERM"))}
	initrd, state, port := filepath.Join(scratch, "initrd"), filepath.Join(scratch, "state"), filepath.Join(scratch, "port")
	if err := errors.Join(m.writeInitrd(initrd, p.write), writeBlank(state, stateSize)); err != nil {
		return err
	}
	cmd, err := m.command(ctx, scratch, boot{
		initrd: initrd,
		disks:  []disk{{"state", state}},
		// Ctrl-A X ends QEMU, Ctrl-C goes to the machine.
		serial: [2]string{"mon:stdio", "file:" + port},
		kvm:    kvm,
	})
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	// QEMU also restores them, unless it is killed.
	_ = ioctl(os.Stdin, syscall.TCSETS, unsafe.Pointer(&settings))
	var exit *exec.ExitError
	switch said, _ := os.ReadFile(port); {
	case ctx.Err() != nil:
		return errors.New("ended by a signal")
	case errors.As(err, &exit):
		return fmt.Errorf("QEMU: %w", err)
	case err != nil:
		return err
	case len(said) == 0:
		return errors.New("the machine ended before its shell started")
	}
	return nil
}

// consoleScript returns the script for a terminal of some size (stty's arguments, or
// empty) and type.
func (m *machine) consoleScript(before []string, size, terminal string) string {
	if size != "" {
		size = "stty " + size
	}
	if !regexp.MustCompile(`^[a-zA-Z0-9][-+.a-zA-Z0-9]*$`).MatchString(terminal) {
		terminal = "vt220"
	}
	var commands strings.Builder
	for _, command := range before {
		fmt.Fprintf(&commands, "run '%s'\n", strings.ReplaceAll(command, "'", `'\''`))
	}
	return strings.NewReplacer(
		"PORT", "/dev/"+boards[m.Architecture].second, "SIZE", size, "TERMINAL", terminal, "BEFORE", commands.String(),
	).Replace(consoleScript)
}
