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
		Finds: "a command is no absolute path",
		Why:   "Where systemd looks for it depends on the host's build of systemd.",
		Fix:   "Write the path as it is in the image, from the root on.",
		run: func(img *Image, r *reporter) {
			img.eachCommand(func(c command) {
				if !path.IsAbs(c.path) {
					r.add(at(c.Assignment), "%s=%s does not start with \"/\"", c.Name, c.path)
				}
			})
		},
	},
	{
		ID: "exec-missing", Severity: Error, Host: StartFails,
		Finds: "a command is not in the image",
		Why:   "The service fails to start with status=203/EXEC: the host's programs are out of its reach.",
		run: func(img *Image, r *reporter) {
			img.eachCommand(func(c command) {
				if !path.IsAbs(c.path) || img.find(c.path) != nil || c.unit.mounts(c.path) {
					return
				}
				f := at(c.Assignment)
				var programs []string
				for _, e := range img.programs {
					programs = append(programs, e.Path)
				}
				f.Fix = "Declare it, or correct the path."
				if near := nearest(c.path, programs); near != "" {
					f.Fix = "Did you mean " + near + "?"
				} else if len(programs) > 0 && len(programs) <= 5 {
					f.Fix = "Declare it, or run one of the image's programs: " + strings.Join(programs, ", ") + "."
				}
				r.add(f, "there is no %s in the image", c.path)
			})
		},
	},
	{
		ID: "exec-not-executable", Severity: Error, Host: StartFails,
		Finds: "a command is in the image, but can't be run",
		Why:   "The service fails to start with status=203/EXEC.",
		Fix:   "Give it mode 0755 with the attribute modes.",
		run: func(img *Image, r *reporter) {
			img.eachCommand(func(c command) {
				switch e := img.find(c.path); {
				case e == nil || !path.IsAbs(c.path):
				case e.Type == spec.Directory:
					f := at(c.Assignment)
					f.Fix = "Name a program in it."
					r.add(f, "%s is a directory", c.path)
				case !isExecutable(e):
					r.add(at(c.Assignment), "%s has mode %s (from %s)", c.path, e.Mode, e.Origin)
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
					r.add(at(starts[1]), "a second command for ExecStart=, and Type= is not oneshot")
				case len(starts) > 0:
				case !stops && !succeeds:
					r.add(u.at(), "%s has no ExecStart=", u.Name)
				case typed && !oneshot(u):
					r.add(u.at(), "%s has no ExecStart=, and Type= is not oneshot", u.Name)
				case !remains && !succeeds:
					r.add(u.at(), "%s has no ExecStart=, and not RemainAfterExit=yes either", u.Name)
				}
			}
		},
	},
	{
		ID: "exec-on-host", Severity: Warning,
		Finds: "a socket unit runs a command",
		Why:   "Only services run inside the image: a socket unit's commands are the host's, and run as root.",
		Fix:   "Do it in the service (ExecStartPre=), or with a directive of systemd.socket(5).",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("socket") {
				for _, a := range u.Assignments {
					if a.Section == "Socket" && strings.HasPrefix(a.Name, "Exec") && a.Value != "" {
						r.add(at(a), "%s= runs on the host, outside the image", a.Name)
					}
				}
			}
		},
	},
	{
		ID: "environment-file-on-host", Severity: Note, Host: StartFails,
		Finds: "EnvironmentFile= is read from the host",
		Why:   "systemd reads the file before it enters the image: the image's own file of that name is never seen.",
		Fix:   "Write \"-\" before the path if the host need not have it; use Environment= for what belongs to the image.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				for _, a := range u.all("Service", "EnvironmentFile") {
					if !strings.HasPrefix(a.Value, "-") {
						r.add(at(a), "%s must be on the host, or the service does not start", a.Value)
					}
				}
			}
		},
	},
}

// A command is what one of a service's Exec directives runs.
type command struct {
	Assignment
	unit *Unit
	path string
	args []string
}

// eachCommand visits the commands of all services.
func (img *Image) eachCommand(visit func(command)) {
	for _, u := range img.of("service") {
		for _, name := range []string{"ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecReload", "ExecReloadPost", "ExecStop", "ExecStopPost"} {
			for _, a := range u.all("Service", name) {
				for _, c := range u.commands(a) {
					visit(c)
				}
			}
		}
	}
}

// commands reads a line's commands (systemd.service(5)), but for those whose path
// depends on the host or is the shell's to find.
func (u *Unit) commands(a Assignment) []command {
	var all []command
	read, _ := grammar.Commands(a.Value)
	for _, c := range read {
		program, ok := u.expand(c.Path)
		if strings.Contains(c.Prefixes, "@") && len(c.Args) > 0 {
			c.Args = c.Args[1:]
		}
		if ok && program != "" && !strings.Contains(c.Prefixes, "|") {
			all = append(all, command{Assignment: a, unit: u, path: program, args: c.Args})
		}
	}
	return all
}

// starts are the commands of ExecStart=.
func (u *Unit) starts() []command {
	var all []command
	for _, a := range u.all("Service", "ExecStart") {
		all = append(all, u.commands(a)...)
	}
	return all
}
