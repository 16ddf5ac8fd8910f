package check

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strings"
)

var shellChecks = []Check{
	{
		ID: "exec-shell-syntax", Severity: Warning,
		Finds: "a command line is written for a shell",
		Why:   "systemd starts the program without a shell, so the program gets the word as an argument.",
		Fix: "Write a line for each command (ExecStartPre= for earlier ones), use StandardOutput= and similar directives for files, and write values instead of commands that print them; " +
			"or pack a shell, and write /bin/sh -c '…'.",
		run: func(img *Image, r *reporter) {
			img.eachCommand(func(c command) {
				if c.runsShell() {
					return
				}
				raw := strings.Fields(c.Value)
				for _, word := range c.args {
					// Words in quotes are meant as they are, but systemd replaces variables there, too.
					plain := slices.Contains(raw, word)
					f := at(c.Assignment)
					switch {
					case plain && shellWord.MatchString(word):
						r.add(f, "%s= contains %s, which only a shell understands", c.Name, word)
					case strings.Contains(c.prefixes, ":") || !plain && !slices.Contains(raw, `"`+word+`"`):
						continue // it replaces none, as the prefix says, or the program does
					case withDefault.MatchString(word):
						name := withDefault.FindStringSubmatch(word)[1]
						f.Fix = "Write ${" + name + "}, and its default as Environment=" + name + "=VALUE: EnvironmentFile= and later lines override that."
						r.add(f, "%s= contains %s, which only a shell understands", c.Name, word)
					case withoutBraces.MatchString(word):
						found := withoutBraces.FindStringSubmatch(word)
						name := cmp.Or(found[1], found[2])
						f.Fix = "Write ${" + name + "}."
						f.Why = "systemd replaces a variable without braces only if it is a word of its own."
						r.add(f, "%s= contains %s, in which systemd does not replace $%s", c.Name, word, name)
					default:
						continue
					}
					return
				}
			})
		},
	},
}

// shells are programs that run the commands in their arguments.
var shells = []string{"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"}

// runsShell reports whether a command is a shell with -c, or env with one: a shell understands nothing of
// what it hands to a script.
func (c command) runsShell() bool {
	isShell := func(name string) bool { return slices.Contains(shells, path.Base(name)) }
	return (isShell(c.path) || path.Base(c.path) == "env" && slices.ContainsFunc(c.args, isShell)) && slices.ContainsFunc(c.args, shellCommand.MatchString)
}

// shellCommand matches a shell's option that the next argument is what it runs.
var shellCommand = regexp.MustCompile("^-[a-z]*c[a-z]*$")

// shellWord are words that connect commands, redirect files, or stand for a home directory or for what
// a command prints.
var shellWord = regexp.MustCompile("^(&&|\\|\\|?|&|[0-9&]?>>?(&[0-9]|/.*)?|</?.*|~/.*|([^`$]*=)?(`.*|\\$\\(.*))$")

// Variables as a shell replaces them, and systemd does not: with a default, and without braces in a
// longer word.
var (
	withDefault   = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*):?[-+=?].*\}`)
	withoutBraces = regexp.MustCompile(`^(?:\$([A-Za-z_][A-Za-z0-9_]*)[^A-Za-z0-9_]|[^$]+\$([A-Za-z_][A-Za-z0-9_]*))`)
)
