package grammar

import (
	"encoding/base64"
	"regexp"
	"strings"

	"example.org/portable-walkthrough-go/tools/unitfile"
)

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// isEnvironment accepts a list of variables: assignments, names, or both
// (systemd.exec(5)).
func isEnvironment(v *value, _ string) {
	mode := unitfile.Unquote | unitfile.CEscapes
	if v.arg == "name" {
		mode = unitfile.Unquote
	}
	for _, word := range v.words(mode) {
		text, ok := v.expand(word)
		if !ok {
			continue
		}
		name, _, assigned := strings.Cut(text, "=")
		switch {
		case !variable.MatchString(name), v.arg == "assign" && !assigned, v.arg == "name" && assigned:
			fix := "Write NAME=VALUE, in quotes if the value has blanks."
			if v.arg == "name" {
				fix = "Write names of variables, with blanks between them."
			}
			v.fault(word, "is not "+map[string]string{"assign": "an assignment of a variable", "name": "the name of a variable", "either": "a variable"}[v.arg], fix)
		case v.arg != "either" && strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' }):
			v.fault(word, "contains control characters", "")
		}
	}
}

// isStdin accepts a word, fd:NAME or file:PATH (systemd.exec(5), StandardInput=).
func isStdin(v *value, set string) { v.stream(set, "file") }

// isStdout accepts a word, fd:NAME, or file:, append: or truncate: and a path (systemd.exec(5),
// StandardOutput=).
func isStdout(v *value, set string) { v.stream(set, "file", "append", "truncate") }

// needsMore are words that require a value after a colon.
var needsMore = map[string]bool{"file": true, "append": true, "truncate": true}

func (v *value) stream(set string, files ...string) {
	if name, ok := strings.CutPrefix(v.text, "fd:"); ok {
		name, ok := v.expand(name)
		if ok && (len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == ':' })) {
			v.fault(v.text, "has no name of a file descriptor after its colon", "")
		}
		return
	}
	for _, kind := range files {
		if name, ok := strings.CutPrefix(v.text, kind+":"); ok {
			v.absolute(name)
			if kind == "truncate" {
				v.since(252, 247)
			}
			return
		}
	}
	switch old, ok := strings.CutPrefix(v.text, "syslog"); {
	case ok && (old == "" || old == "+console"):
		v.discouraged(v.text, "is obsolete", "Write journal"+old+".")
	case needsMore[v.text]:
		v.faults = append(v.faults, Fault{Effect: Dropped, Part: v.text, Is: "has no path", Fix: "Write " + v.text + ":PATH."})
	case !v.isWord(set, v.text):
		v.fault(v.text, "is not one of its words", suggest(set, v.text))
	}
}

// decodes reports whether a text is base64, ignoring blanks.
func decodes(text string) bool {
	text = strings.Join(strings.Fields(text), "")
	_, err := base64.StdEncoding.DecodeString(text)
	return err == nil
}

func isBase64(v *value, _ string) {
	if !decodes(v.text) {
		v.fault(v.text, "is not base64", "")
	}
}

// isCText accepts a text with C's escapes.
func isCText(v *value, _ string) {
	words, err := unitfile.Split(v.text, "", unitfile.CEscapes)
	if err != nil {
		v.fault(v.text, "has an invalid escape", `Write \\ for a backslash.`)
		return
	}
	v.expand(strings.Join(words, ""))
}

var logField = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)

// isLogFields accepts a list of FIELD=VALUE (systemd.exec(5), LogExtraFields=).
func isLogFields(v *value, _ string) {
	for _, word := range v.words(unitfile.Unquote | unitfile.CEscapes) {
		text, ok := v.expand(word)
		if !ok {
			continue
		}
		if name, _, ok := strings.Cut(text, "="); !ok || !logField.MatchString(name) {
			v.fault(word, "is not FIELD=VALUE with a name in capital letters", "")
		}
	}
}

// isCredentialName reports whether a text can be a file's name in the credentials' directory.
func isCredentialName(name string) bool {
	return isFileName(name) && !strings.Contains(name, ":") && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' })
}

// isCredential accepts NAME:WHAT (systemd.exec(5), "Credentials"); the form of WHAT depends on
// the argument.
func isCredential(v *value, _ string) {
	name, rest, _ := strings.Cut(v.text, ":")
	expanded, ok := v.expand(name)
	if !ok {
		return
	}
	if v.arg == "import" {
		expanded = strings.TrimSuffix(expanded, "*")
		if strings.ContainsAny(expanded, "*?[") {
			v.fault(name, "is neither the name of a credential nor the start of one followed by *", "Write NAME or START*.")
			return
		}
		if expanded == "" && strings.HasSuffix(name, "*") {
			expanded = "any"
		}
	}
	if !isCredentialName(expanded) {
		v.fault(name, "is not a valid name of a credential", "Write NAME:VALUE, with a name of ASCII characters and no slash.")
		return
	}
	switch v.arg {
	case "set", "encrypted":
		if rest == "" {
			v.fault(v.text, "has no value", "Write NAME:VALUE.")
		} else if _, err := unitfile.Split(rest, "", unitfile.CEscapes); err != nil && v.arg == "set" {
			v.fault(rest, "has an invalid escape", `Write \\ for a backslash.`)
		} else if v.arg == "encrypted" && !decodes(rest) {
			v.fault(rest, "is not base64", "")
		}
	case "load":
		if rest == "" {
			v.since(252, 247)
		}
		source, ok := v.expand(rest)
		if ok && source != "" && !isCredentialName(source) && (wrongPath(source) != "" || strings.Contains(source, "//")) {
			v.fault(rest, "is neither an absolute path nor the name of a credential", "")
		}
	case "import":
		if rest != "" && !isCredentialName(strings.TrimRight(rest, "*")) {
			v.fault(rest, "is not a valid name of a credential", "")
		}
	}
}

// prefixes may precede a command, each once (systemd.service(5), "Command
// Lines").
const prefixes = "@-:+!|"

// A Command is one command of a command line.
type Command struct {
	// Prefixes are the special characters before the path.
	Prefixes string
	Path     string
	Args     []string
}

// Commands splits a command line as systemd does, also at ";", without replacing
// specifiers. If it can't split the rest, it returns an error with the commands before that.
func Commands(line string) ([]Command, error) {
	mode := unitfile.Unquote | unitfile.CEscapes | unitfile.Relaxed
	var all []Command
	for {
		first, rest, ok, err := unitfile.Next(line, unitfile.Blanks, mode)
		if err != nil || !ok {
			return all, err
		}
		c := Command{Path: first}
		for c.Path != "" && strings.IndexByte(prefixes, c.Path[0]) >= 0 {
			seen := strings.Count(c.Prefixes, c.Path[:1])
			if seen > 0 && (c.Path[0] != '!' || seen > 1) {
				break
			}
			c.Prefixes, c.Path = c.Prefixes+c.Path[:1], c.Path[1:]
		}
		for more := true; more; {
			if rest == ";" || strings.HasPrefix(rest, ";") && strings.IndexByte(unitfile.Blanks, rest[1]) >= 0 {
				rest = strings.TrimLeft(rest[1:], unitfile.Blanks)
				break
			}
			if rest == `\;` || strings.HasPrefix(rest, `\;`) && strings.IndexByte(unitfile.Blanks, rest[2]) >= 0 {
				c.Args = append(c.Args, ";")
				rest = strings.TrimLeft(rest[2:], unitfile.Blanks)
				continue
			}
			var arg string
			arg, rest, more, err = unitfile.Next(rest, unitfile.Blanks, mode)
			if err != nil {
				return append(all, c), err
			}
			if more {
				c.Args = append(c.Args, arg)
			}
		}
		all = append(all, c)
		line = rest
	}
}

// isCommand accepts command lines with " ; " between them (systemd.service(5), "Command
// Lines").
func isCommand(v *value, _ string) {
	commands, err := Commands(v.text)
	if err != nil && len(commands) == 0 {
		v.fault(v.text, "can't be split into words: "+err.Error(), "Close the quote, or write \\\" for a quotation mark.")
		return
	}
	for i, c := range commands {
		effect := Refused
		if strings.Contains(c.Prefixes, "-") {
			effect = Ignored
		}
		before := len(v.faults)
		v.command(c, err != nil && i == len(commands)-1)
		for i := range v.faults[before:] {
			if f := &v.faults[before+i]; f.Effect == Ignored {
				f.Effect = effect
			}
		}
	}
	if hasUnknownEscape(v.text) {
		v.discouraged(v.text, "has a backslash that escapes nothing", `Write \\ for a backslash.`)
	}
}

// hasUnknownEscape looks for escapes that systemd warns of in a command line. A word "\;" is
// not one of them.
func hasUnknownEscape(line string) bool {
	for more := true; more; {
		if rest, ok := strings.CutPrefix(line, `\;`); ok && (rest == "" || strings.IndexByte(unitfile.Blanks, rest[0]) >= 0) {
			line = strings.TrimLeft(rest, unitfile.Blanks)
			continue
		}
		var err error
		if _, line, more, err = unitfile.Next(line, unitfile.Blanks, unitfile.Unquote|unitfile.CEscapes); err != nil {
			return err == unitfile.ErrEscape
		}
	}
	return false
}

func (v *value) command(c Command, broken bool) {
	switch {
	case strings.Contains(c.Prefixes, "+") && strings.Contains(c.Prefixes, "!"), strings.Contains(c.Prefixes, "!!") && strings.Count(c.Prefixes, "!") > 2:
		v.fault(c.Prefixes, "are prefixes that exclude each other", "Write + or !, not both.")
		return
	case strings.Contains(c.Prefixes, "|"):
		v.since(262, 257)
	case strings.Contains(c.Prefixes, "!!"):
		v.discouraged(c.Prefixes, "is a prefix that systemd no longer knows, and ignores", "Remove it.")
	}
	name, ok := v.expand(c.Path)
	switch {
	case !ok:
		return
	case name == "" && strings.Contains(c.Prefixes, "|"):
	case name == "":
		v.fault(v.text, "has no program", "Write the path of one.")
	case strings.ContainsAny(name, `"'\*?[`) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		v.fault(c.Path, "has special characters in a program's path", "")
	case strings.HasSuffix(name, "/"):
		v.fault(c.Path, "is a directory", "Write the path of a program in it.")
	case !strings.HasPrefix(name, "/") && !isFileName(name), strings.HasPrefix(name, "/") && tooLong(name):
		v.fault(c.Path, "is neither an absolute path nor a plain name", "Write the absolute path.")
	case strings.Contains(c.Prefixes, "@") && len(c.Args) == 0:
		v.fault(v.text, "has the prefix @ and no name for the process", "Write the name after the path, or remove the @.")
	case broken:
		v.fault(v.text, "has a quote that is not closed", "Close the quote, or write \\\" for a quotation mark.")
	default:
		for _, arg := range c.Args {
			if _, ok := v.expand(arg); !ok {
				return
			}
		}
	}
}
