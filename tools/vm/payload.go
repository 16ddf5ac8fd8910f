package main

import (
	"errors"
	"io"
	"maps"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// The unit that a machine starts after all others.
const (
	agentUnit = `[Unit]
Description=Test
# If this program dies, no other one ends the machine.
FailureAction=reboot-immediate

[Service]
ExecStart=/init
StandardOutput=journal+console
`
	consoleUnit = `[Unit]
Description=A shell on the console
SuccessAction=reboot-immediate
FailureAction=reboot-immediate

[Service]
Environment=HOME=/root LANG=C.UTF-8 TERM=vt220 SYSTEMD_PAGER=
WorkingDirectory=/vm/files
ExecStart=/bin/bash /vm/console
StandardInput=tty-force
StandardOutput=tty
TTYPath=/dev/console
UtmpMode=user
`
)

// A payload has the files that are added to a machine's root file system.
type payload struct {
	// unit starts after all others.
	unit string
	// files has paths on this machine by paths in the virtual one.
	files map[string]string
	// texts has the contents of further files, by paths in the virtual machine.
	texts map[string]string
}

// newPayload returns a payload with this program as /init. The keys of files are absolute
// paths, or names below /vm/files.
func newPayload(unit, agent string, files map[string]string) payload {
	p := payload{unit: unit, files: map[string]string{"/init": agent}}
	for name, file := range files {
		if !path.IsAbs(name) {
			name = path.Join(guest.Files, name)
		}
		p.files[name] = file
	}
	return p
}

// write writes the payload as a separate archive.
func (p payload) write(w io.Writer) (err error) {
	out := newCPIOWriter(w)
	made := map[string]bool{".": true}
	var directory func(name string)
	directory = func(name string) {
		if made[name] {
			return
		}
		directory(path.Dir(name))
		made[name] = true
		err = errors.Join(err, out.directory(name))
	}
	directory(strings.TrimPrefix(guest.Files, "/"))
	const units = "etc/systemd/system/"
	texts := map[string]string{units + "vm.service": "[Unit]\nAfter=multi-user.target\n\n" + p.unit}
	maps.Copy(texts, p.texts)
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		directory(path.Dir(name))
		err = errors.Join(err, out.text(name, 0o644, texts[name]))
	}
	directory(units + "multi-user.target.wants")
	err = errors.Join(err, out.symlink(units+"multi-user.target.wants/vm.service", "../vm.service"))
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		inside := strings.TrimPrefix(name, "/")
		directory(path.Dir(inside))
		err = errors.Join(err, out.file(inside, p.files[name]))
	}
	return errors.Join(err, out.end())
}
