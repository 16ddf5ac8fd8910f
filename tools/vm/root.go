package main

import (
	"archive/tar"
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// modules are the kernel modules that portable services need, each after its dependencies.
// Some kernels have some of them built in, or no longer have them.
var modules = []string{
	"autofs4", "loop", "overlay", "squashfs",
	"libcrc32c", "erofs",
	"dm-mod", "dm-bufio", "reed_solomon", "dm-verity",
}

var (
	kernel = regexp.MustCompile(`^(boot/vmlinuz-[^/]+|usr/lib/modules/[^/]+/vmlinuz)$`)
	module = regexp.MustCompile(`^usr/lib/modules/.*/([^/]+)\.ko(\.xz|\.zst)?$`)
	// No service and no test reads these, and every boot unpacks every megabyte. The
	// generators look for disks, terminals and kernel options that a machine does not have,
	// and do so again at each daemon-reload, which every attach and detach causes.
	unread = regexp.MustCompile(`^(boot|usr/lib/modules|usr/share/(perl|perl5|zoneinfo|bug|bash-completion|zsh|i18n)|` +
		`usr/lib/[^/]+/(gconv|perl|perl-base|perl5)|usr/lib/udev/hwdb\.d|usr/share/locale|(usr/)?lib/systemd/system-generators)(/|$)`)
)

// mkroot makes the files that a virtual machine boots from a suite's unpacked packages: a
// kernel, and an initial root file system with systemd. It replaces the packages' maintainer
// scripts, as far as a test needs them. The same packages give the same output.
func mkroot(arguments []string) error {
	if len(arguments) < 3 {
		return errors.New("usage: vm mkroot KERNEL INITRD ROOT.TAR [PACKAGES.TAR]...")
	}
	if err := makeRoot(arguments[0], arguments[1], arguments[2], arguments[3:]); err != nil {
		return fmt.Errorf("mkroot: %s: %w", arguments[2], err)
	}
	return nil
}

// makeRoot makes a root file system from the first archive, and adds those files of further
// archives that it lacks.
func makeRoot(kernelTo, initrdTo, from string, further []string) (err error) {
	initrd, err := create(initrdTo)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, initrd.close()) }()
	vmlinuz, err := create(kernelTo)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, vmlinuz.close()) }()

	r := root{out: newCPIOWriter(initrd), texts: map[string]string{}, seen: map[string]bool{}}
	kernels := 0
	err = walk(from, func(name string, h *tar.Header, body io.Reader) error {
		switch {
		case kernel.MatchString(name):
			kernels++
			_, err := io.Copy(vmlinuz, body)
			return err
		case unread.MatchString(name):
			return r.module(name, h, body)
		}
		return r.add(name, h, body)
	})
	if err != nil {
		return err
	}
	for _, archive := range further {
		if err := walk(archive, func(name string, h *tar.Header, body io.Reader) error {
			if r.seen[name] || unread.MatchString(name) {
				return nil
			}
			return r.add(name, h, body)
		}); err != nil {
			return fmt.Errorf("%s: %w", archive, err)
		}
	}
	if kernels != 1 {
		return fmt.Errorf("%d kernels, want one; list one linux-image package among the packages", kernels)
	}
	if err := r.finish(); err != nil {
		return err
	}
	return r.out.end()
}

// walk calls f for each path of a tar archive, in its order, without "./" before it.
func walk(archive string, f func(name string, h *tar.Header, body io.Reader) error) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	for in := tar.NewReader(bufio.NewReaderSize(file, 1<<20)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if name := path.Clean(h.Name); name != "." {
			if err := f(name, h, in); err != nil {
				return fmt.Errorf("%q: %w", name, err)
			}
		}
	}
}

// A root is a root file system while it is written.
type root struct {
	out *cpioWriter
	// texts has the contents from which finish makes other files, by path.
	texts map[string]string
	seen  map[string]bool
}

func (r *root) add(name string, h *tar.Header, body io.Reader) error {
	e := cpioEntry{path: name, mode: uint32(h.Mode & 0o7777)}
	switch h.Typeflag {
	case tar.TypeDir:
		e.mode |= typeDirectory
	case tar.TypeSymlink:
		e.mode |= typeSymlink
		e.size, e.body = int64(len(h.Linkname)), strings.NewReader(h.Linkname)
	case tar.TypeReg:
		e.mode |= typeRegular
		e.size, e.body = h.Size, body
		if strings.HasSuffix(name, ".master") {
			text, err := io.ReadAll(body)
			if err != nil {
				return err
			}
			r.texts[name], e.body = string(text), strings.NewReader(string(text))
		}
	default:
		return fmt.Errorf("neither file, directory nor symbolic link (type %q)", h.Typeflag)
	}
	r.seen[name] = true
	return r.out.entry(e)
}

// module puts a kernel module into /usr/lib/modules if it is needed, whatever its own directory
// and kernel.
func (r *root) module(name string, h *tar.Header, body io.Reader) error {
	match := module.FindStringSubmatch(name)
	if match == nil {
		return nil
	}
	number := slices.Index(modules, match[1])
	if number < 0 {
		return nil
	}
	if err := r.directory("usr/lib/modules"); err != nil {
		return err
	}
	// /init loads them in the order of their names.
	return r.add(fmt.Sprintf("usr/lib/modules/%02d-%s", number, path.Base(name)), h, body)
}

func (r *root) directory(name string) error {
	if r.seen[name] {
		return nil
	}
	if parent := path.Dir(name); parent != "." {
		if err := r.directory(parent); err != nil {
			return err
		}
	}
	r.seen[name] = true
	return r.out.directory(name)
}

// text writes a file. It replaces a package's.
func (r *root) text(name string, mode uint32, text string) error {
	if err := r.directory(path.Dir(name)); err != nil {
		return err
	}
	return r.out.text(name, mode, text)
}

// masked units do nothing for a test, or need a disk, network or terminal, which the machine
// does not have.
var masked = []string{
	"dev-hugepages.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
	"getty.target", "getty@tty1.service", "serial-getty@ttyS0.service", "serial-getty@ttyAMA0.service", "console-getty.service",
	"ldconfig.service", "systemd-pstore.service", "systemd-random-seed.service",
	"systemd-update-utmp.service", "systemd-update-utmp-runlevel.service",
	"systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service",
	"systemd-resolved.service", "systemd-timesyncd.service", "systemd-logind.service",
	"e2scrub_reap.service", "e2scrub_all.timer", "fstrim.timer",
	"systemd-binfmt.service", "systemd-hwdb-update.service",
}

// finish writes the files that maintainer scripts would have written.
func (r *root) finish() error {
	passwd, group := r.texts["usr/share/base-passwd/passwd.master"], r.texts["usr/share/base-passwd/group.master"]
	if passwd == "" || group == "" {
		return errors.New("no users; list base-passwd among the packages")
	}
	files := []struct{ path, text string }{
		{"etc/passwd", strings.ReplaceAll(passwd, ":*:", ":x:") + "messagebus:x:100:100::/nonexistent:/usr/sbin/nologin\n"},
		{"etc/group", strings.ReplaceAll(group, ":*:", ":x:") + "messagebus:x:100:\nsystemd-journal:x:101:\n"},
		{"etc/shadow", ""},
		{"etc/nsswitch.conf", "passwd: files systemd\ngroup: files systemd\nhosts: files\n"},
		{"etc/machine-id", "0123456789abcdef0123456789abcdef\n"},
		{"etc/hostname", "guest\n"},
		{"etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
		{"etc/fstab", ""},
		{"etc/resolv.conf", ""},
		// So that no unit with ConditionNeedsUpdate= runs.
		{"etc/.updated", ""},
		{"var/.updated", ""},
		// The journal can be read after the test. A reboot loses it.
		{"etc/systemd/journald.conf.d/vm.conf", "[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n"},
		{"etc/systemd/system.conf.d/vm.conf", "[Manager]\nDefaultTimeoutStopSec=20s\n"},
	}
	for _, f := range files {
		if err := r.text(f.path, 0o644, f.text); err != nil {
			return err
		}
	}
	if err := r.directory("etc/systemd/system"); err != nil {
		return err
	}
	for _, unit := range masked {
		if err := r.out.symlink("etc/systemd/system/"+unit, "/dev/null"); err != nil {
			return err
		}
	}
	if err := r.out.symlink("etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target"); err != nil {
		return err
	}
	// A test mounts disks on the directories that the script of base-files makes.
	for _, name := range []string{"dev", "media", "mnt", "opt", "srv"} {
		if err := r.directory(name); err != nil {
			return err
		}
	}
	// The kernel opens it for the first process's standard streams.
	return r.out.entry(cpioEntry{path: "dev/console", mode: typeCharacterDevice | 0o600, major: 5, minor: 1})
}

// An output is a buffered file.
type output struct {
	*bufio.Writer
	file *os.File
}

func create(name string) (output, error) {
	file, err := os.Create(name)
	return output{bufio.NewWriterSize(file, 1<<20), file}, err
}

func (o output) close() error { return errors.Join(o.Flush(), o.file.Close()) }
