package machine

import (
	"errors"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/vm/cpio"
)

// units, by what the machine is for.
const (
	agentUnit = `[Unit]
Description=Test
# A machine whose agent has died says nothing more.
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
Environment=HOME=/root LANG=C.UTF-8 TERM=vt220 SYSTEMD_PAGER= PS1="[\\h \\w]# "
WorkingDirectory=/vm/files
ExecStartPre=-/bin/cat /vm/welcome
ExecStart=/bin/bash --norc
StandardInput=tty-force
StandardOutput=tty
TTYPath=/dev/console
UtmpMode=user
`
)

// A payload is what is laid over a machine's root file system.
type payload struct {
	// unit is started when all others are.
	unit string
	// files are paths of this machine, by paths in the other one.
	files map[string]string
	// texts are contents of further files.
	texts map[string]string
}

// write writes it as an archive of its own.
func (p payload) write(w io.Writer) (err error) {
	out := cpio.NewWriter(w)
	made := map[string]bool{".": true}
	var directory func(name string)
	directory = func(name string) {
		if made[name] {
			return
		}
		directory(path.Dir(name))
		made[name] = true
		err = errors.Join(err, out.Directory(name))
	}
	const units = "etc/systemd/system/"
	texts := map[string]string{units + "vm.service": "[Unit]\nAfter=multi-user.target\n\n" + p.unit}
	for name, text := range p.texts {
		texts[name] = text
	}
	for _, name := range sorted(texts) {
		directory(path.Dir(name))
		err = errors.Join(err, out.Text(name, 0o644, texts[name]))
	}
	directory(units + "multi-user.target.wants")
	err = errors.Join(err, out.Symlink(units+"multi-user.target.wants/vm.service", "../vm.service"))
	for _, name := range sorted(p.files) {
		inside := strings.TrimPrefix(name, "/")
		directory(path.Dir(inside))
		err = errors.Join(err, add(out, inside, p.files[name]))
	}
	return errors.Join(err, out.Close())
}

func add(out *cpio.Writer, name, from string) error {
	file, err := os.Open(from)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	// Bazel's outputs are executable or not as it pleases.
	return out.Write(cpio.Entry{Path: name, Mode: cpio.Regular | 0o755, Size: info.Size(), Body: file})
}

func sorted(m map[string]string) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func joinClose(err error, c io.Closer) error { return errors.Join(err, c.Close()) }
