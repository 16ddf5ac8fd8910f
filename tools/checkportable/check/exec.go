package check

import (
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
	"example.org/portable-walkthrough-go/tools/spec"
)

var execChecks = []Check{
	{
		ID: "exec-relative", Severity: Error,
		Finds: "a command is not an absolute path",
		Why:   "The directories in which systemd searches depend on the host's build of systemd.",
		run: func(img *Image, r *reporter) {
			img.eachCommand(func(c command) {
				if path.IsAbs(c.path) || len(c.search) > 0 {
					return
				}
				f := at(c.Assignment)
				f.Fix = img.programFix(c)
				r.add(f, "%s=%s does not start with \"/\"", c.Name, c.path)
			})
		},
	},
	{
		ID: "exec-missing", Severity: Error, Host: StartFails,
		Finds: "a command is not in the image",
		Why:   startFails203,
		run: func(img *Image, r *reporter) {
			img.eachMissing(func(c command) {
				if c.mayFail() {
					return
				}
				f := at(c.Assignment)
				f.Why = whyNot[c.Name]
				f.Fix = img.programFix(c)
				r.add(f, "%s is not in %s", c.path, c.where())
			})
			img.eachCommand(func(c command) {
				if path.Base(c.path) != "env" || img.find(c.path) == nil || c.mayFail() {
					return
				}
				if program, _ := img.envLacks(c.args, false); program != "" {
					f := at(c.Assignment)
					f.Why, f.Fix = "The command fails with status=127: env finds no such program.", "Pack it, or correct the name."
					r.add(f, "%s is not in the image, and %s is to start it", program, c.path)
				}
			})
		},
	},
	{
		ID: "exec-missing-ignored", Severity: Warning, Milder: []Severity{Note},
		Finds: "a command that may fail is not in the image",
		Why:   "systemd ignores the failure because of the \"-\" before the command: the command does nothing.",
		Fix:   "Remove the command, or pack the program.",
		run: func(img *Image, r *reporter) {
			img.eachMissing(func(c command) {
				if !c.mayFail() {
					return
				}
				f := at(c.Assignment)
				if f.Fix = c.killFix(); c.Name != "ExecStart" {
					f.Severity = Note
				}
				r.add(f, "%s is not in %s, so %s= does nothing", c.path, c.where(), c.Name)
			})
		},
	},
	{
		ID: "exec-not-executable", Severity: Error, Milder: []Severity{Note}, Host: StartFails,
		Finds: "a command is in the image, but not executable",
		Why:   startFails203,
		Fix:   "Give it mode 0755 with the attribute modes.",
		run: func(img *Image, r *reporter) {
			img.eachCommand(func(c command) {
				f := at(c.Assignment)
				f.Why = whyNot[c.Name]
				if c.mayFail() {
					f.Severity, f.Why = Note, "systemd passes over the failure, as the \"-\" before the command says."
				}
				switch e := img.find(c.path); {
				case e == nil || !path.IsAbs(c.path) || c.unit.fromHost(c.path):
				case e.Type == spec.Directory:
					f.Fix = "Name a program in it."
					r.add(f, "%s is a directory", c.path)
				case !isExecutable(e):
					r.add(f, "%s has mode %s (from %s)", c.path, e.Mode, e.Origin)
				case !strings.Contains(c.prefixes, "+"):
					if name, by := img.forbidsExec(c.unit, e); name != "" {
						f.Fix = "Add ExecPaths=" + name + ", and the program's libraries if it has any."
						r.add(f, "%s is not executable because of %s=%s", name, by.Name, by.Value)
					}
				}
			})
		},
	},
	{
		ID: "exec-start-count", Severity: Error, Host: UnitRefused,
		Finds: "a service has no command to start, or several",
		Why:   "systemd refuses to load the unit.",
		Fix:   "Write one ExecStart=; only Type=oneshot may have several.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				var starts []Assignment
				for _, a := range u.all("Service", "ExecStart") {
					commands, _ := grammar.Commands(a.Value)
					starts = append(starts, slices.Repeat([]Assignment{a}, len(commands))...)
				}
				stops, remains := len(u.all("Service", "ExecStop")) > 0, u.isTrue("Service", "RemainAfterExit")
				succeeds := u.value("Unit", "SuccessAction", "none") != "none"
				_, typed := u.last("Service", "Type")
				switch {
				case u.Empty:
				case len(starts) > 1 && !oneshot(u):
					r.add(at(starts[1]), "this is a second command for ExecStart=, but Type= is not oneshot")
				case len(starts) > 0:
				case !stops && !succeeds:
					r.add(u.at(), "%s has no ExecStart=", u.Name)
				case typed && !oneshot(u):
					r.add(u.at(), "%s has no ExecStart=, but Type= is not oneshot", u.Name)
				case !remains && !succeeds:
					r.add(u.at(), "%s has neither ExecStart= nor RemainAfterExit=yes", u.Name)
				}
			}
		},
	},
	{
		ID: "exec-on-host", Severity: Warning,
		Finds: "a unit runs a command of the host",
		Why:   "Only services run inside the image: a socket unit's commands run on the host, as root.",
		Fix:   "Do it in the service (ExecStartPre=), or with a directive of systemd.socket(5).",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("socket") {
				for _, a := range u.Assignments {
					if a.Section == "Socket" && strings.HasPrefix(a.Name, "Exec") && a.Value != "" {
						r.add(at(a), "%s= runs on the host, not in the image", a.Name)
					}
				}
			}
			for _, u := range img.of("service") {
				for _, a := range u.inEffect() {
					if a.Section == "Service" && u.onHost(a) {
						f := at(a)
						f.Why, f.Fix = "With RootDirectoryStartOnly=yes only ExecStart= runs in the image.", "Remove RootDirectoryStartOnly=."
						r.add(f, "%s= runs on the host, not in the image", a.Name)
					}
				}
			}
		},
	},
}

// forbidsExec returns the file that a service can't execute to run a program: the program itself, its
// loader or its interpreter. by is the line that forbids it. The longest path of NoExecPaths= and
// ExecPaths= applies (systemd.exec(5)).
func (img *Image) forbidsExec(u *Unit, program *spec.Entry) (name string, by Assignment) {
	for _, e := range []*spec.Entry{program, img.find(img.head(program).interpreter), img.find(img.head(program).loader())} {
		if e == nil || e.Type != spec.File {
			continue
		}
		var longest requiredPath
		for _, m := range u.requiredPaths() {
			if at := img.spec.Resolve(m.path); strings.HasSuffix(m.directive, "ExecPaths") && within(e.Path, at) && len(m.path) > len(longest.path) {
				longest = m
			}
		}
		if longest.directive == "NoExecPaths" {
			return e.Path, longest.Assignment
		}
	}
	return "", Assignment{}
}

const startFails203 = "The service fails to start with status=203/EXEC: it can't reach the host's programs."

// whyNot describes the consequence of a command that can't run, for directives whose failure does
// not prevent the service's start (systemd.service(5)).
var whyNot = map[string]string{
	"ExecCondition":  "systemd treats the failure (status=203/EXEC) as a condition that is not met, and skips the service: it never starts.",
	"ExecReload":     "The service starts, but each reload fails with status=203/EXEC: it can't reach the host's programs.",
	"ExecReloadPost": "The service starts, but each reload fails with status=203/EXEC: it can't reach the host's programs.",
	"ExecStop":       "The service starts, but each stop ends as a failure (status=203/EXEC): it can't reach the host's programs.",
	"ExecStopPre":    "The service starts, but each stop ends as a failure (status=203/EXEC): it can't reach the host's programs.",
	"ExecStopPost":   "The service starts, but each stop ends as a failure (status=203/EXEC): it can't reach the host's programs.",
}

// A command is a command line of one of a service's Exec directives.
type command struct {
	Assignment
	unit     *Unit
	prefixes string
	// path is absolute, except of a program that none of the directories has in which systemd searches.
	path string
	args []string
	// search are the directories of ExecSearchPath= for a program without a path.
	search []string
}

// where describes where systemd looks for the program.
func (c command) where() string {
	if len(c.search) > 0 && !path.IsAbs(c.path) {
		return "the image's " + strings.Join(c.search, ", ") + " (ExecSearchPath=)"
	}
	return "the image"
}

// mayFail reports whether systemd ignores the command's failure.
func (c command) mayFail() bool { return strings.Contains(c.prefixes, "-") }

// onHost reports whether a line's commands run on the host.
func (u *Unit) onHost(a Assignment) bool {
	return grammar.TypeOf(a.Section, a.Name) == "command" && a.Name != "ExecStart" && u.isTrue("Service", "RootDirectoryStartOnly")
}

// eachCommand visits the commands of all services that run in the image.
func (img *Image) eachCommand(visit func(command)) {
	for _, u := range img.of("service") {
		for _, name := range []string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecReloadPost", "ExecStopPre", "ExecStop", "ExecStopPost"} {
			for _, a := range u.all("Service", name) {
				if u.onHost(a) {
					continue
				}
				for _, c := range u.commands(a) {
					visit(c)
				}
			}
		}
	}
}

// eachMissing visits the commands whose program neither the image nor a mount provides.
func (img *Image) eachMissing(visit func(command)) {
	img.eachCommand(func(c command) {
		switch {
		case path.IsAbs(c.path):
			if img.find(c.path) == nil && !c.unit.fromHost(c.path) {
				visit(c)
			}
		case len(c.search) > 0 && !slices.ContainsFunc(c.search, c.unit.fromHost):
			visit(c)
		}
	})
}

// commands returns a line's commands (systemd.service(5)), except those whose path depends on the
// host or on a shell's search path.
func (u *Unit) commands(a Assignment) []command {
	var all []command
	read, _ := grammar.Commands(a.Value)
	search, known := u.searchPath()
	for _, c := range read {
		program, ok := u.expand(c.Path)
		if strings.Contains(c.Prefixes, "@") && len(c.Args) > 0 {
			c.Args = c.Args[1:]
		}
		bare := program == path.Base(program)
		if !ok || program == "" || bare && !known || strings.Contains(c.Prefixes, "|") {
			continue
		}
		found := command{Assignment: a, unit: u, prefixes: c.Prefixes, path: program, args: c.Args}
		if bare {
			found.search = search
			if e := u.search(search, program); e != "" {
				found.path = e
			}
		}
		all = append(all, found)
	}
	return all
}

// searchPath returns the directories in which systemd looks for programs without a path
// (systemd.exec(5), ExecSearchPath=). It returns false if only the host knows one of them.
func (u *Unit) searchPath() (directories []string, known bool) {
	for _, a := range u.all("Service", "ExecSearchPath") {
		for _, directory := range strings.Split(a.Value, ":") {
			directory, ok := u.expand(directory)
			if !ok {
				return nil, false
			}
			if path.IsAbs(directory) {
				directories = append(directories, path.Clean(directory))
			}
		}
	}
	return directories, true
}

// search returns the path of a program of the image in one of some directories, or "".
func (u *Unit) search(directories []string, program string) string {
	for _, directory := range directories {
		name := path.Join(directory, program)
		if e := u.image.find(name); e != nil && e.Type == spec.File && isExecutable(e) {
			return name
		}
	}
	return ""
}

// starts are the commands of ExecStart=.
func (u *Unit) starts() []command {
	var all []command
	for _, a := range u.all("Service", "ExecStart") {
		all = append(all, u.commands(a)...)
	}
	return all
}
