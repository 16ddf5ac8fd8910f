// Package suite runs the systemd of unpacked Debian suites, without booting or installing it.
// Each program runs with the suite's own loader and libraries. Tests compare with it.
package suite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// Root is a directory with Debian's package systemd and its dependencies.
type Root struct {
	Dir     string
	Version int
	loader  string
}

// Open opens the suite below dir: it finds the loader and reads systemd's version.
func Open(ctx context.Context, dir string) (*Root, error) {
	loaders, _ := filepath.Glob(filepath.Join(dir, "usr/lib/*/ld-linux*.so.*"))
	older, _ := filepath.Glob(filepath.Join(dir, "lib/*/ld-linux*.so.*"))
	if loaders = append(loaders, older...); len(loaders) == 0 {
		return nil, fmt.Errorf("%s: no dynamic loader; unpack systemd together with its dependencies", dir)
	}
	r := &Root{Dir: dir, loader: loaders[0]}
	said, err := r.Command(ctx, "usr/lib/systemd/systemd", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("%s: systemd --version: %w", dir, err)
	}
	if _, err := fmt.Sscanf(string(said), "systemd %d", &r.Version); err != nil {
		return nil, fmt.Errorf("%s: systemd --version prints %q, which is not a version", dir, said)
	}
	return r, nil
}

// Libraries returns the directories of the suite's shared libraries.
func (r *Root) Libraries() []string {
	triplet := filepath.Base(filepath.Dir(r.loader))
	var all []string
	for _, dir := range []string{"usr/lib/" + triplet, "lib/" + triplet, "usr/lib/" + triplet + "/systemd", "usr/lib/systemd", "lib/systemd"} {
		all = append(all, filepath.Join(r.Dir, dir))
	}
	return all
}

// Command returns the command that runs a program of the suite. The program is a path below
// the root.
func (r *Root) Command(ctx context.Context, program string, args ...string) *exec.Cmd {
	args = append([]string{"--library-path", strings.Join(r.Libraries(), ":"), filepath.Join(r.Dir, program)}, args...)
	return exec.CommandContext(ctx, r.loader, args...)
}

// Said is a message of systemd's about one line of a unit file. Line 0 is the whole unit.
type Said struct {
	Line int
	Text string
}

// Verify runs systemd-analyze verify on unit files, and returns its messages by the file's base
// name. systemd-analyze looks up the units that they name beside them and among systemd's own.
// No messages could also mean that it read nothing. So Verify adds a unit with a mistake at the
// end, and returns an error if systemd-analyze does not report that mistake.
func (r *Root) Verify(ctx context.Context, files ...string) (map[string][]Said, error) {
	dir, err := os.MkdirTemp("", "control")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	const control = "control-of-verify.service"
	file, err := Write(dir, control, "[Service]\nNoSuchDirective=1\n")
	if err != nil {
		return nil, err
	}
	cmd := r.Command(ctx, "usr/bin/systemd-analyze", append(append([]string{"verify", "--man=no"}, files...), file)...)
	cmd.Env = []string{
		"SYSTEMD_LOG_COLOR=0", "LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"SYSTEMD_UNIT_PATH=" + r.UnitDir(),
	}
	if r.Version < withoutCgroups && !hasCgroups() {
		r.withCgroups(cmd)
	}
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	// It fails if it finds a mistake in a unit.
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		return nil, fmt.Errorf("%s: systemd-analyze verify: %w", r.Dir, err)
	}
	said := parse(text.String())
	if len(said[control]) == 0 {
		return nil, fmt.Errorf("%s: systemd-analyze %d does not report a planted mistake. It printed: %.500s", r.Dir, r.Version, text.String())
	}
	delete(said, control)
	return said, nil
}

func parse(text string) map[string][]Said {
	said := map[string][]Said{}
	for line := range strings.Lines(color.ReplaceAllString(text, "")) {
		line = strings.TrimSuffix(line, "\n")
		if m := ofLine.FindStringSubmatch(line); m != nil {
			number, _ := strconv.Atoi(m[2])
			said[m[1]] = append(said[m[1]], Said{number, m[3]})
		} else if m := ofUnit.FindStringSubmatch(line); m != nil {
			said[m[1]] = append(said[m[1]], Said{0, m[2]})
		} else {
			said[""] = append(said[""], Said{0, line})
		}
	}
	return said
}

var (
	color  = regexp.MustCompile("\x1b\\[[0-9;]*m")
	ofLine = regexp.MustCompile(`^/(?:[^:]*/)?([^/:]+):([0-9]+): (.*)$`)
	ofUnit = regexp.MustCompile(`^(?:Unit )?([^ /]+\.[a-z]+):? (.*)$`)
)

// UnitDir returns the directory of the suite's own units.
func (r *Root) UnitDir() string { return filepath.Join(r.Dir, "usr/lib/systemd/system") }

// Write writes a unit file for [Root.Verify] and returns its path.
func Write(dir, name, content string) (string, error) {
	file := filepath.Join(dir, name)
	return file, os.WriteFile(file, []byte(content), 0o644)
}
