package machine

import (
	"context"
	"os"
	"path/filepath"
)

// Console boots the machine with a shell on this terminal, which gets the files below
// /vm/files and starts with a welcome. It returns when the shell ends.
func (m *Machine) Console(ctx context.Context, files map[string]string, welcome string, kvm bool) error {
	scratch, err := os.MkdirTemp("", "vm")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	all := map[string]string{"/init": m.Agent}
	for name, path := range files {
		all["/vm/files/"+name] = path
	}
	initrd := filepath.Join(scratch, "initrd")
	p := payload{unit: consoleUnit, files: all, texts: map[string]string{"vm/welcome": welcome}}
	if err := m.initrd(initrd, p.write); err != nil {
		return err
	}
	state := filepath.Join(scratch, "state")
	if err := blank(state, stateSize); err != nil {
		return err
	}
	cmd, err := m.command(ctx, scratch, boot{
		initrd: initrd,
		disks:  []disk{{"state", state}},
		// Ctrl-A X ends QEMU, Ctrl-C goes to the machine.
		serial: [2]string{"mon:stdio", "null"},
		kvm:    kvm,
	})
	if err != nil {
		return err
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
