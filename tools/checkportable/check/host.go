package check

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
	"example.org/portable-walkthrough-go/tools/spec"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// Paths that systemd evaluates or reads before it enters the image are the host's, even if the image
// has the same paths.
var hostChecks = []Check{
	{
		ID: "packed-for-the-host", Severity: Error, Milder: []Severity{Warning},
		Finds: "a unit refers to a path of the host that the image contains",
		Why:   "systemd uses the path before it enters the image, so it never sees the image's own file.",
		run: func(img *Image, r *reporter) {
			for _, h := range img.hostPaths() {
				if e := img.packed(h); e != nil {
					f := at(h.Assignment)
					f.Severity, f.Fix = h.severity, h.packedFix
					if slices.Contains(filesEverywhere, h.path) || h.pattern != nil && e.Path != h.pattern.instance {
						f.Severity = Warning // the host has the file with other contents, or the instance is another one
					}
					what := "the image's"
					if h.pattern != nil {
						what += " " + e.Path
					}
					r.add(f, "%s= refers to the host's %s; systemd does not use %s (from %s)", h.Name, h.path, what, e.DeclaredBy())
				}
			}
		},
	},
	{
		ID: "condition-on-host", Severity: Note,
		Finds: "a unit starts only on hosts with, or without, a certain path",
		Why:   "systemd evaluates conditions before it enters the image. If one is not met, it skips the unit: systemctl start succeeds, but nothing runs.",
		Fix:   "Make sure that each host meets the condition, or remove the line.",
		run:   reports(func(h hostPath) bool { return strings.HasPrefix(h.Name, "Condition") }, "%s=%s refers to the host"),
	},
	{
		ID: "assert-on-host", Severity: Warning, Host: StartFails,
		Finds: "a unit fails on hosts without, or with, a certain path",
		Why:   "systemd evaluates assertions before it enters the image. If one is not met, the unit fails to start.",
		Fix:   "Make sure that each host meets the assertion, or remove the line.",
		run:   reports(func(h hostPath) bool { return strings.HasPrefix(h.Name, "Assert") }, "%s=%s refers to the host"),
	},
	{
		ID: "environment-file-on-host", Severity: Warning, Host: StartFails,
		Finds: "EnvironmentFile= is read from the host, which must have the file",
		Why:   "systemd reads the file before it enters the image: without it the service fails to start, and with Restart= fails again and again.",
		Fix:   "Write \"-\" before the path if the host need not have the file; use Environment= for values that belong to the image.",
		run:   reports(func(h hostPath) bool { return h.Name == "EnvironmentFile" && !h.optional }, "%s=%s must exist on the host, or the service does not start"),
	},
	{
		ID: "credential-on-host", Severity: Note, Host: StartFails,
		Finds: "a credential is read from the host, which must have it",
		Why:   "systemd reads credentials before it enters the image: without the file the service fails to start with status=243/CREDENTIALS.",
		Fix:   "Install the file on each host; or set a default with SetCredential=, which applies if the host has none.",
		run:   reports(func(h hostPath) bool { return strings.HasPrefix(h.Name, "LoadCredential") && !h.optional }, "%s=%s must exist on the host, or the service does not start"),
	},
	{
		ID: "input-on-host", Severity: Warning, Host: StartFails,
		Finds: "systemd opens a file of the host for a service",
		Why:   "systemd opens the file before it enters the image: if it can't, the service fails to start.",
		Fix:   "Let the service open the file itself, in the image or in a directory on the host (StateDirectory=, LogsDirectory=); standard output goes to the journal.",
		run: reports(func(h hostPath) bool {
			return (strings.HasPrefix(h.Name, "Standard") || h.Name == "OpenFile") && !h.optional
		}, "%s= needs %s on the host"),
	},
	{
		ID: "root-of-unit", Severity: Warning,
		Finds: "a unit sets a root directory of its own",
		Why:   "systemd-portabled sets the image as the root directory after the unit's lines, so systemd ignores the unit's own root.",
		Fix:   "Remove the line.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, name := range []string{"RootDirectory", "RootImage"} {
					if a, ok := u.last("Service", name); ok && a.Value != "/" {
						r.add(at(a), "%s=%s has no effect on a portable service", name, a.Value)
					}
				}
			}
		},
	},
	{
		ID: "user-on-host", Severity: Error, Milder: []Severity{Warning}, Host: StartFails,
		Finds: "a service or socket belongs to a user or group that the host must have",
		Why:   "systemd looks up users and groups on the host: if one does not exist, the service fails to start with status=217/USER or 216/GROUP.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				dynamic := u.has(img, "DynamicUser")
				for _, name := range []string{"User", "Group"} {
					a, ok := u.last("Service", name)
					if ok && !dynamic && !onEveryHost(a.Value) {
						img.missingUser(r, u, a, a.Value)
					}
					value, known := u.expand(a.Value)
					if ok && dynamic && known && value != "" && !dynamicName.MatchString(value) {
						f := at(a)
						f.Why = "With DynamicUser=yes, systemd makes no user of such a name, and the service fails to start."
						f.Fix = "Start the name with a letter or \"_\", go on with letters, digits, \"-\" and \"_\", and end after at most 31 characters; or remove the line."
						r.add(f, "%s=%s is no name for a dynamic user", name, a.Value)
					}
				}
				for _, a := range u.all("Service", "SupplementaryGroups") {
					for _, group := range strings.Fields(a.Value) {
						if !onEveryHost(group) {
							img.missingUser(r, u, a, group)
						}
					}
				}
			}
			for _, u := range img.of("socket") {
				for _, name := range []string{"SocketUser", "SocketGroup"} {
					if a, ok := u.last("Socket", name); ok && !onEveryHost(a.Value) {
						img.missingUser(r, u, a, a.Value)
					}
				}
			}
		},
	},
}

// dynamicName matches names that DynamicUser= accepts (systemd.exec(5)), which follow the strict rules
// of systemd's "User/Group Name Syntax". Numbers are accepted too.
var dynamicName = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_-]{0,30}|[0-9]+)$`)

// onEveryHost reports whether a user or group needs no look-up, comes with systemd, or exists in every
// distribution.
func onEveryHost(name string) bool {
	return strings.Trim(name, "0123456789") == "" || strings.Contains(name, "%") || slices.Contains([]string{
		"root", "nobody", "nogroup", "daemon", "bin", "sys", "adm", "mail", "audio", "cdrom", "clock", "dialout", "disk", "input", "kmem", "kvm", "lp",
		"render", "sgx", "systemd-journal", "systemd-network", "systemd-resolve", "systemd-timesync", "tape", "tty", "users", "utmp", "video",
	}, name)
}

func (img *Image) missingUser(r *reporter, u *Unit, a Assignment, name string) {
	f := at(a)
	f.Fix = "Create it on each host (sysusers.d(5))."
	switch a.Name {
	case "SocketUser", "SocketGroup":
		f.Why = "systemd looks up the owner of a socket on the host, before it creates a service's dynamic user: if it does not exist, the socket fails to start."
		f.Fix = "Remove the line, so that the socket belongs to root, and give clients access with SocketMode=; or create it on each host (sysusers.d(5))."
	case "User", "Group":
		f.Fix = "Write DynamicUser=yes, which creates the user when the service starts; or create it on each host (sysusers.d(5))."
	}
	if e := img.declaresUser(name); e != nil {
		r.add(f, "%s=%s must exist on the host; systemd does not read the image's %s", a.Name, name, e.Path)
		return
	}
	f.Severity = Warning
	r.add(f, "%s=%s must exist on the host", a.Name, name)
}

// declaresUser finds the image's file that seems to declare a user or group.
func (img *Image) declaresUser(name string) *spec.Entry {
	for _, e := range img.spec.Entries {
		isUsers := e.Path == "/etc/passwd" || e.Path == "/etc/group"
		if e.Type != spec.File || !isUsers && (path.Ext(e.Path) != ".conf" || !strings.HasSuffix(path.Dir(e.Path), "/sysusers.d")) {
			continue
		}
		text, err := content(e)
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if err == nil && (isUsers && strings.HasPrefix(line, name+":") || !isUsers && len(fields) > 1 && strings.Contains("ug", fields[0][:1]) && fields[1] == name) {
				return e
			}
		}
	}
	return nil
}

// A hostPath is a path that systemd uses before it enters the image.
type hostPath struct {
	Assignment
	path string
	glob bool
	// pattern is set for a path that only the host knows, and otherwise nil.
	pattern *pathPattern
	// optional is true if nothing fails on a host without the path, and alternative if it suffices
	// that another condition is met.
	optional, alternative bool
	// severity applies if the image has the path; packedFix is the remedy.
	severity  Severity
	packedFix string
}

// reports returns a check that reports the wanted paths that the image does not have.
func reports(wanted func(hostPath) bool, format string) func(*Image, *reporter) {
	return func(img *Image, r *reporter) {
		for _, h := range img.hostPaths() {
			if wanted(h) && img.packed(h) == nil && !inAPI(h.path) && !slices.Contains(everywhere, h.path) && !slices.Contains(filesEverywhere, h.path) {
				r.add(at(h.Assignment), format, h.Name, h.Value)
			}
		}
	}
}

// inAPI reports whether a path belongs to the kernel, or is created while a host runs.
func inAPI(name string) bool {
	return slices.ContainsFunc([]string{"/dev", "/proc", "/run", "/sys", "/var/run"}, func(dir string) bool { return within(name, dir) })
}

// packed returns the image's entry at a path that systemd uses on the host, or nil. Mount points,
// parents and mounts of the host do not count.
func (img *Image) packed(h hostPath) *spec.Entry {
	if inAPI(h.path) || slices.ContainsFunc(img.of("service"), func(u *Unit) bool { return u.fromHost(h.path) }) {
		return nil
	}
	counts := func(e *spec.Entry) bool {
		switch {
		case e == nil:
			return false
		case e.Type == spec.Directory:
			return img.hasBelow(e.Path) && !slices.Contains(everywhere, e.Path)
		}
		return !e.Added
	}
	glob, single := h.path, h.path
	if h.pattern != nil {
		glob, single = specifier.ReplaceAllString(h.path, "*"), h.pattern.instance
	}
	// A dangling symlink counts too.
	for _, e := range []*spec.Entry{img.find(single), img.spec.Find(single)} {
		if single != "" && counts(e) {
			return e
		}
	}
	for _, e := range img.spec.Entries {
		if h.pattern != nil && !h.glob && h.pattern.fits(e.Path) && counts(e) {
			return e
		}
		if matches, err := path.Match(glob, e.Path); h.glob && err == nil && matches && counts(e) {
			return e
		}
	}
	return nil
}

// everywhere are directories of every host.
var everywhere = []string{"/", "/bin", "/etc", "/etc/default", "/etc/ssl", "/etc/ssl/certs", "/lib", "/opt", "/sbin", "/srv", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/sbin", "/usr/share", "/var", "/var/cache", "/var/lib", "/var/log"}

// filesEverywhere are files of every host.
var filesEverywhere = []string{"/etc/group", "/etc/hosts", "/etc/machine-id", "/etc/nsswitch.conf", "/etc/os-release", "/etc/passwd", "/usr/lib/os-release"}

// hostPaths returns all paths of the host that the units name.
func (img *Image) hostPaths() []hostPath {
	var all []hostPath
	for _, u := range img.Units {
		all = append(all, u.conditions()...)
		for _, a := range u.inEffect() {
			switch {
			case a.Section == "Path" && u.Type() == "path":
				all = append(all, u.watched(a)...)
			case a.Section == "Service" && u.Type() == "service":
				all = append(all, u.readOnHost(a)...)
			}
		}
	}
	return all
}

// hostPath returns the path of a line, if it is absolute.
func (u *Unit) hostPath(a Assignment, text, fix string) (hostPath, bool) {
	name, known := u.expand(text)
	h := hostPath{Assignment: a, path: path.Clean(name), severity: Error, packedFix: fix}
	if !known {
		h.pattern = u.pattern(name)
	}
	return h, path.IsAbs(name)
}

// conditions returns the paths of conditions and assertions (systemd.unit(5)). An empty line resets
// all of its kind.
func (u *Unit) conditions() []hostPath {
	var all []hostPath
	for _, a := range u.Assignments {
		kind := "Condition"
		if strings.HasPrefix(a.Name, "Assert") {
			kind = "Assert"
		}
		if a.Section != "Unit" || !strings.HasPrefix(a.Name, kind) {
			continue
		}
		if a.Value == "" {
			all = slices.DeleteFunc(all, func(h hostPath) bool { return strings.HasPrefix(h.Name, kind) })
			continue
		}
		if grammar.TypeOf(a.Section, a.Name) != "condition-path" || strings.HasSuffix(a.Name, "NeedsUpdate") {
			continue
		}
		text, alternative := strings.CutPrefix(a.Value, "|")
		text, negated := strings.CutPrefix(strings.TrimLeft(text, unitfile.Blanks), "!")
		h, ok := u.hostPath(a, strings.TrimLeft(text, unitfile.Blanks), "Remove the line: the image's file always exists. If the host should decide, leave the path out of the image.")
		if h.glob = strings.HasSuffix(a.Name, "Glob"); !ok {
			continue
		}
		// The unit still starts: without the path, or because of another condition.
		if h.alternative = alternative; negated {
			h.severity = Warning
		}
		all = append(all, h)
	}
	for i, h := range all {
		if h.alternative && slices.ContainsFunc(all, func(other hostPath) bool { return other.alternative && other.Assignment != h.Assignment }) {
			all[i].severity = Warning
		}
	}
	return all
}

// watched returns the paths that a path unit watches.
func (u *Unit) watched(a Assignment) []hostPath {
	if a.Name != "DirectoryNotEmpty" && !strings.HasPrefix(a.Name, "Path") {
		return nil
	}
	h, ok := u.hostPath(a, a.Value, "Watch a path of the host, or a directory on the host that belongs to the service, as in %S/NAME with StateDirectory=NAME.")
	if h.glob = strings.HasSuffix(a.Name, "Glob"); !ok {
		return nil
	}
	return []hostPath{h}
}

// credentialStores are the directories in which systemd looks up credentials (systemd.exec(5)).
var credentialStores = []string{"/etc/credstore", "/run/credstore", "/usr/lib/credstore", "/etc/credstore.encrypted", "/run/credstore.encrypted", "/usr/lib/credstore.encrypted"}

// readOnHost returns the paths that systemd reads or opens for a line of a service (systemd.exec(5),
// systemd.service(5)).
func (u *Unit) readOnHost(a Assignment) []hostPath {
	const installed = " Or leave the file out of the image, and install it on each host."
	var all []hostPath
	add := func(text, fix string, optional, glob bool) {
		if h, ok := u.hostPath(a, text, fix+installed); ok {
			h.optional, h.glob = optional, glob
			all = append(all, h)
		}
	}
	switch a.Name {
	case "EnvironmentFile":
		name, optional := strings.CutPrefix(a.Value, "-")
		add(name, "Write what the file says as Environment= lines, in the unit or a drop-in of it (the attribute units takes both).", optional, true)
	case "LoadCredential", "LoadCredentialEncrypted", "ImportCredential":
		const fix = "Remove the line and let the service read the image's file by its path: files in an image are not secret."
		id, from, ok := strings.Cut(a.Value, ":")
		if a.Name == "ImportCredential" || !ok {
			from = id
		}
		if path.IsAbs(from) {
			add(from, fix, u.setsCredential(id), false)
			break
		}
		for _, store := range credentialStores {
			add(store+"/"+from, fix, true, a.Name == "ImportCredential")
		}
	case "StandardInput", "StandardOutput", "StandardError":
		kind, name, _ := strings.Cut(a.Value, ":")
		const fix = "Let the service open the file itself."
		if a.Name == "StandardInput" && kind == "file" {
			add(name, fix, false, false)
		} else if slices.Contains([]string{"file", "append", "truncate"}, kind) && !slices.Contains(everywhere, path.Dir(name)) && !inVolatile(name) {
			add(path.Dir(name), fix, false, false)
		}
	case "OpenFile":
		fields := strings.Split(a.Value, ":")
		optional := len(fields) > 2 && strings.Contains(fields[2], "graceful")
		add(fields[0], "Let the service open the file itself.", optional, false)
	case "RootDirectory", "RootImage":
		if a.Value != "/" {
			add(a.Value, "Remove the line: the image is the root directory, and paths count from there.", true, false)
		}
	}
	return all
}

// setsCredential reports whether a service sets a default for a credential.
func (u *Unit) setsCredential(id string) bool {
	return slices.ContainsFunc(u.inEffect(), func(a Assignment) bool {
		name, _, ok := strings.Cut(a.Value, ":")
		return ok && name == id && (a.Name == "SetCredential" || a.Name == "SetCredentialEncrypted")
	})
}
