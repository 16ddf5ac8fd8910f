package check

import (
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
)

var scriptChecks = []Check{
	{
		ID: "script-interpreter", Severity: Error, Host: StartFails,
		Finds: "a script's interpreter is not in the image",
		Why:   "The service fails to start with status=203/EXEC.",
		Fix:   "Pack the interpreter, or use a compiled program.",
		run: func(img *Image, r *reporter) {
			for _, e := range img.programs {
				b := img.head(e)
				if b.interpreter == "" {
					continue
				}
				f := in(e)
				f.Line = 1
				interpreter := img.find(b.interpreter)
				switch program, oneWord := img.envLacks(b.arguments, true); {
				case b.windows:
					f.Why = "Linux takes the carriage return as a part of the interpreter's name or argument, and the service fails to start."
					f.Fix = "Save the file with Unix line ends, and make sure that git does not convert them."
					r.add(f, "%s starts with a line that ends with a carriage return", e.Path)
				case interpreter == nil:
					r.add(f, "%s starts with #!%s, which is not in the image", e.Path, b.interpreter)
				case interpreter.Type == spec.Directory || !isExecutable(interpreter):
					f.Fix = "Give it mode 0755 with the attribute modes."
					r.add(f, "%s starts with #!%s, which is not executable", e.Path, b.interpreter)
				case path.Base(b.interpreter) != "env" || program == "":
				case oneWord:
					f.Why = whyEnv
					f.Fix = "Write #!" + b.interpreter + " -S " + program + "; or the path of the program, without env."
					r.add(f, "%s starts with #!%s %s, of which env takes all after its name as one program", e.Path, b.interpreter, program)
				default:
					f.Why = whyEnv
					r.add(f, "%s starts with #!%s, but %s is not in the image", e.Path, b.interpreter, program)
				}
			}
		},
	},
}

const whyEnv = "The service fails to start with status=127: env finds no such program."

// envLacks returns the program that env is to start, if the image does not have it. In a script's first
// line, env gets all that follows its name as one word, unless it starts with -S: then the program is
// the whole word.
func (img *Image) envLacks(args []string, script bool) (program string, oneWord bool) {
	if script && len(args) > 1 && !strings.HasPrefix(args[0], "-S") && !strings.HasPrefix(args[0], "--split-string") && !strings.HasPrefix(args[0], "-vS") {
		return strings.Join(args, " "), true
	}
	for _, arg := range args {
		if program, _ = strings.CutPrefix(arg, "-S"); program == "" {
			continue
		}
		if slices.Contains([]string{"-C", "-a", "-u", "--argv0", "--chdir", "--unset"}, arg) {
			return "", false // with a word of its own
		}
		if !strings.HasPrefix(program, "-") && !strings.Contains(program, "=") {
			break
		}
		program = ""
	}
	if program == "" || strings.ContainsAny(program, "$%\"'\\") {
		return "", false
	}
	if strings.Contains(program, "/") {
		if path.IsAbs(program) && img.find(program) == nil {
			return program, false
		}
		return "", false
	}
	places := []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	for _, u := range img.of("service") {
		search, _ := u.searchPath()
		places = slices.Concat(places, search, u.pathVariable("PATH"))
	}
	for _, place := range places {
		if img.find(path.Join(place, program)) != nil || slices.ContainsFunc(img.of("service"), func(u *Unit) bool { return u.fromHost(place) }) {
			return "", false
		}
	}
	return program, false
}
