package check

import (
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
				if slices.Contains(shells, path.Base(c.path)) {
					return
				}
				// Words in quotes are meant as they are.
				raw := strings.Fields(c.Value)
				for _, word := range c.args {
					if shellWord.MatchString(word) && slices.Contains(raw, word) {
						r.add(at(c.Assignment), "%s= contains %s, which only a shell understands", c.Name, word)
						return
					}
				}
			})
		},
	},
}

var shells = []string{"ash", "bash", "busybox", "dash", "ksh", "sh", "zsh"}

// shellWord are words that connect commands, redirect files or stand for what a command prints.
var shellWord = regexp.MustCompile("^(&&|\\|\\|?|&|[0-9&]?>>?(&[0-9]|/.*)?|</?.*|`.*|\\$\\(.*)$")
