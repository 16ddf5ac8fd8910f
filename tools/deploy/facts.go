package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

// facts are the properties of a host: see scripts/facts.sh and scripts/units.sh.
type facts struct {
	missing      []string
	noPortabled  bool
	systemd      int
	machine      string
	kernel       string
	selinux      bool
	kernelHas    map[string]string // "module NAME" or "option NAME": yes, no or unknown
	writable     string
	free         int64 // KiB
	profileFound bool
	// stored is the digest of the image if the host has it.
	stored string
	// attached is the path of the image that is attached, and digest that image's.
	attached, digest string
	runtime          bool
	profile          string
	units            []string
	history          []entry
	// states and exposures by unit.
	states    [][2]string
	exposures map[string]string
}

// An entry is a line of a host's history: an image that is, or was, attached.
type entry struct{ digest, file, version, profile, time string }

func (e entry) String() string {
	return strings.Join([]string{e.digest, e.file, orDash(e.version), e.profile, e.time}, "\t")
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// path is where the image is.
func (e entry) path(directory string) string {
	if strings.HasPrefix(e.file, "/") {
		return e.file
	}
	return directory + "/" + e.file
}

func parseEntry(line string) (e entry, ok bool) {
	fields := strings.Split(line, "\t")
	if len(fields) != 5 {
		return e, false
	}
	e = entry{fields[0], fields[1], fields[2], fields[3], fields[4]}
	if e.version == "-" {
		e.version = ""
	}
	return e, true
}

// line takes one line of the scripts.
func (f *facts) line(key, value string, _ io.Writer) error {
	switch kind, name, _ := strings.Cut(key, " "); kind {
	case "module", "option":
		if f.kernelHas == nil {
			f.kernelHas = map[string]string{}
		}
		f.kernelHas[name] = value
		return nil
	}
	switch key {
	case "missing":
		f.missing = strings.Fields(value)
	case "no-portabled":
		f.noPortabled = true
	case "systemd":
		// Also "257.9-1" and "262~rc1".
		digits := value
		if end := strings.IndexFunc(value, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = value[:end]
		}
		f.systemd, _ = strconv.Atoi(digits)
	case "machine":
		f.machine = value
	case "kernel":
		f.kernel = value
	case "selinux":
		f.selinux = value == "1"
	case "writable":
		f.writable = value
	case "free":
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			return fmt.Errorf("free space %q: %w", value, err)
		}
		f.free = n
	case "profile":
		f.profileFound = value == "yes"
	case "stored":
		f.stored = value
	case "image":
		f.attached = value
	case "attached":
		f.digest = value
	case "runtime":
		f.runtime = value != ""
	case "used-profile":
		f.profile = value
	case "units":
		f.units = strings.Fields(value)
		slices.Sort(f.units)
	case "history":
		if e, ok := parseEntry(value); ok {
			f.history = append(f.history, e)
		}
	case "unit":
		unit, state, _ := strings.Cut(value, " ")
		f.states = append(f.states, [2]string{unit, state})
	case "exposure":
		unit, score, _ := strings.Cut(value, " ")
		if f.exposures == nil {
			f.exposures = map[string]string{}
		}
		f.exposures[unit] = score
	}
	return nil
}

// problems are the reasons why the image can't work on the host, each with its fix.
func (f *facts) problems(c config, i image, profile string, copies bool) (found []string) {
	add := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if slices.Contains(f.missing, "portablectl") || f.noPortabled && !slices.Contains(f.missing, "systemctl") {
		add("systemd-portabled is not installed; fix: install it (Debian, Ubuntu: systemd-container; Fedora: systemd-container; Arch: part of systemd)")
	}
	if others := slices.DeleteFunc(slices.Clone(f.missing), func(tool string) bool { return tool == "portablectl" }); len(others) > 0 {
		add("not found: %s; fix: install systemd, coreutils and util-linux there", strings.Join(others, ", "))
	}
	if oldest := max(c.MinimumSystemd, 245); f.systemd > 0 && f.systemd < oldest {
		add("it has systemd %d, and the image is for %d and newer; fix: upgrade the host, or lower minimum_systemd of the image if its units allow that", f.systemd, oldest)
	}
	if strings.HasSuffix(c.Directory, ".v") && f.systemd < 256 {
		add("it has systemd %d, which does not know directories like %s; fix: use another directory, or systemd 256 or newer", f.systemd, c.Directory)
	}
	for _, module := range i.modules {
		if f.kernelHas[module] == "no" {
			add("its kernel %s has no %s; fix: install the package with that module (Fedora: kernel-modules; Ubuntu: linux-modules-extra)", f.kernel, module)
		}
	}
	if i.option != "" && f.kernelHas[i.option] == "no" {
		add("its kernel %s is built without %s; fix: give the image another `compression`, such as xz or gzip, or the host another kernel", f.kernel, i.option)
	}
	if f.writable != "yes" {
		add("%s can't be written; fix: log in as root, or set `directory` to a writable directory that systemd searches", f.writable)
	}
	// Twice: the image before stays, and a disk should not be filled to its end.
	if need := i.size/1024 + 4096; copies && f.free < need {
		add("%s has %d KiB free, and the image needs %d; fix: make room, or set `directory` to another disk", c.Directory, f.free, need)
	}
	if !f.profileFound {
		add("it has no profile %q; fix: choose one of default, nonetwork, strict and trusted, or install yours in /etc/systemd/portable/profile", profile)
	}
	return found
}

// method is the way to replace the attached image: see put in scripts/change.sh.
func (f *facts) method() string {
	switch {
	case f.attached == "":
		return "attach"
	case f.systemd < 248:
		return "swap"
	}
	return "reattach"
}
