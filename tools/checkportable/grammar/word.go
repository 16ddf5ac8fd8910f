package grammar

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

// Bool parses a boolean (systemd.syntax(7)).
func Bool(text string) (is, ok bool) {
	switch strings.ToLower(text) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

func isBool(v *value, _ string) {
	if _, ok := Bool(v.text); !ok {
		v.fault(v.text, "is neither yes nor no", "Write yes or no.")
	}
}

// words returns a set's words, without numbers, and with yes and no for all booleans.
func words(set string) []string {
	var all []string
	for word := range known(set) {
		_, isBool := Bool(word)
		if _, err := strconv.Atoi(word); err != nil && word != "" && !strings.HasPrefix(word, "+") && (!isBool || word == "yes" || word == "no") {
			all = append(all, word)
		}
	}
	slices.Sort(all)
	return all
}

// suggest names the word that the user probably meant, or lists all words.
func suggest(set, text string) string {
	all := words(set)
	if near := directives.Nearest(text, all); near != "" {
		return "Did you mean " + near + "?"
	}
	for _, word := range all {
		if strings.HasSuffix(word, "_"+strings.ToUpper(text)) { // AF_INET, CAP_CHOWN
			return "Did you mean " + word + "?"
		}
	}
	switch {
	case len(all) == 0:
		return ""
	case len(all) > 12:
		return "systemd.directives(7) names the manual page that lists the words."
	}
	return "Write one of " + strings.Join(all, ", ") + "."
}

// takes reports whether a set has a word. A set with yes has all booleans.
func (v *value) takes(set, text string) bool {
	if _, has := known(set)["yes"]; has {
		if _, ok := Bool(text); ok {
			return v.isWord(set, "yes")
		}
		if digits.MatchString(text) {
			return false
		}
	}
	if n, ok := integer(text); ok && text != "" {
		if _, numbers := known(set)["1"]; numbers {
			return v.isWord(set, strconv.FormatInt(n, 10))
		}
	}
	return v.isWord(set, text)
}

// isOneWord accepts one word of a set.
func isOneWord(v *value, set string) {
	if v.name == "KillMode" && v.text == "none" {
		v.discouraged(v.text, "is unsafe: processes stay behind when the unit is stopped", "Write mixed or control-group.")
		return
	}
	if v.takes(set, v.text) {
		return
	}
	v.fault(v.text, "is not one of its words", suggest(set, v.text))
}

// isList accepts a list of words of a set, or a boolean alone if the set has one. The
// argument has options: with inverts, "~" before the list means all other words; with plain,
// quotes are not special; with folds, case does not matter; with any, one known word is
// enough.
func isList(v *value, set string) {
	text := v.text
	if _, ok := Bool(text); ok && v.takes(set, text) {
		return
	}
	if v.has("inverts") {
		text = strings.TrimPrefix(text, "~")
	}
	mode := unitfile.Unquote
	if v.has("plain") {
		mode = unitfile.KeepEscapes
	}
	list, err := unitfile.Split(text, unitfile.Blanks, mode)
	if err != nil {
		v.fault(v.text, "can't be split into words: "+err.Error(), "")
	}
	in := func(word string) bool {
		_, isBool := Bool(word)
		isWord := v.isWord(set, word) || v.has("folds") && v.isWord(set, strings.ToUpper(word))
		return isWord && !isBool && !digits.MatchString(word) || v.listNumber(word)
	}
	effect := Ignored
	if v.has("any") && slices.ContainsFunc(list, in) {
		effect = Dropped
	}
	for _, word := range list {
		if !in(word) {
			fix := suggest(set, word)
			if strings.HasPrefix(word, "~") {
				fix = "\"~\" stands only before the first word, and is for all of them: write two lines."
			}
			v.faults = append(v.faults, Fault{Effect: effect, Part: word, Is: "is not one of its words", Fix: fix})
		}
	}
}

// listNumber matches the numbers that CoredumpFilter= accepts besides words (systemd.exec(5)).
func (v *value) listNumber(word string) bool {
	if v.name != "CoredumpFilter" {
		return false
	}
	_, err := strconv.ParseUint(strings.TrimPrefix(strings.TrimPrefix(word, "+"), "0x"), 16, 64)
	return err == nil
}

// isHostname accepts a word or a boolean, optionally with a colon and a host name
// (systemd.exec(5), ProtectHostname=).
func isHostname(v *value, set string) {
	word, name, has := strings.Cut(v.text, ":")
	if is, ok := Bool(word); !v.takes(set, word) || has && ok && !is {
		v.fault(v.text, "is neither yes, no nor private, each with or without :HOSTNAME", "")
		return
	}
	if expanded, ok := v.expand(name); has && ok && (!hostname.MatchString(expanded) || len(expanded) > 64) {
		v.fault(name, "is not a host name", "")
	}
	if has {
		v.since(262, 257)
	}
}

var hostname = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$`)

// isSystemCalls accepts system calls and groups of them, each optionally with :ERRNO. "~"
// before the list forbids them (systemd.exec(5)).
func isSystemCalls(v *value, set string) {
	list, err := unitfile.Split(strings.TrimPrefix(v.text, "~"), unitfile.Blanks, 0)
	if err != nil {
		v.fault(v.text, "can't be split into words: "+err.Error(), "")
	}
	for _, word := range list {
		name, number, has := strings.Cut(word, ":")
		switch {
		case name == "" || !v.isWord(set, name):
			fix := ""
			if strings.HasPrefix(name, "~") {
				fix = "\"~\" stands only before the first word, and is for all of them: write two lines."
			} else if near := directives.Nearest(name, slices.Collect(maps.Keys(known(set)))); near != "" {
				fix = "Did you mean " + near + "?"
			}
			v.fault(word, "is neither a system call nor a group of them", fix)
		case has && v.name == "SystemCallLog":
			v.fault(word, "is neither a system call nor a group of them", "Write "+name+".")
		case has && !strings.HasPrefix(v.text, "~"):
			v.since(252, 247) // 247 ignores the word
			v.fault(word, "has an error number, but the call is allowed", "Remove the number; a line that starts with \"~\" lists the calls that fail.")
		case has && !v.isErrno(number):
			v.fault(word, "has no error number after its colon", "Write one as in EPERM, or kill.")
		}
	}
}

func (v *value) isErrno(text string) bool {
	n, ok := integer(text)
	return ok && 0 <= n && n <= 4095 || text == "kill" || v.isWord("SystemCallErrorNumber", strings.ToUpper(text))
}

// isErrno accepts a number or name of errno(3), or kill.
func isErrno(v *value, _ string) {
	if n, ok := integer(v.text); !v.isErrno(v.text) || ok && n == 0 {
		v.fault(v.text, "is not an error number", suggest("SystemCallErrorNumber", v.text))
	}
}

// isCapabilities accepts capabilities(7), or all others after "~".
func isCapabilities(v *value, set string) {
	for _, word := range strings.Fields(strings.TrimPrefix(v.text, "~")) {
		upper := strings.ToUpper(strings.Trim(word, `"'`))
		if _, err := strconv.Atoi(upper); err == nil || v.isWord("CapabilityBoundingSet", upper) {
			continue
		}
		v.faults = append(v.faults, Fault{Effect: Dropped, Part: word, Is: "is not a capability", Fix: suggest("CapabilityBoundingSet", upper)})
	}
}

var secureBits = []string{"keep-caps", "keep-caps-locked", "no-setuid-fixup", "no-setuid-fixup-locked", "noroot", "noroot-locked"}

// isSecureBits accepts a list of systemd.exec(5)'s words.
func isSecureBits(v *value, _ string) {
	for _, word := range strings.Fields(v.text) {
		if !slices.Contains(secureBits, word) {
			v.faults = append(v.faults, Fault{Effect: Dropped, Part: word, Is: "is not a secure bit",
				Fix: "Write some of " + strings.Join(secureBits, ", ") + "."})
		}
	}
}

var realtime = regexp.MustCompile(`^(?:RTMIN|RTMAX)$|^RTMIN\+([0-9]+)$|^RTMAX-([0-9]+)$`)

func (v *value) isSignalName(text string) bool {
	short := strings.TrimPrefix(text, "SIG")
	if m := realtime.FindStringSubmatch(short); m != nil {
		n, _ := strconv.Atoi(m[1] + m[2])
		return n <= 30
	}
	return !strings.HasPrefix(short, "SIG") && !digits.MatchString(short) && (v.isWord("FinalKillSignal", short) || v.isWord("FinalKillSignal", "SIG"+short))
}

// isSignal accepts a name or number of signal(7).
func isSignal(v *value, _ string) {
	if n, ok := integer(v.text); (!ok || n < 1 || n > 64) && (ok || !v.isSignalName(v.text)) {
		v.fault(v.text, "is not a signal", suggest("FinalKillSignal", v.text))
	}
}

// isExitStatuses accepts exit statuses by number or name, and signals (systemd.service(5)).
func isExitStatuses(v *value, set string) {
	for _, word := range v.words(unitfile.KeepEscapes) {
		if n, ok := integer(word); (!ok || n < 0 || n > 255) && (ok || !v.isWord(set, word) && !v.isSignalName(word)) {
			v.fault(word, "is neither an exit status nor a signal", suggest(set, word))
		}
	}
}

// isFileSystems accepts names of file systems, or all others after "~".
func isFileSystems(v *value, set string) {
	list, err := unitfile.Split(strings.TrimPrefix(v.text, "~"), unitfile.Blanks, unitfile.Unquote)
	if err != nil {
		v.fault(v.text, "can't be split into words: "+err.Error(), "")
	}
	for _, word := range list {
		if strings.HasPrefix(word, "@") && !v.isWord(set, word) {
			v.fault(word, "is not a group of file systems", suggest(set, word))
		}
	}
}

// isReboot accepts an argument of reboot(2).
func isReboot(v *value, _ string) {
	text, ok := v.expand(v.text)
	if ok && (len(text) >= 256 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })) {
		v.fault(v.text, "is not a reboot argument", "Write up to 255 characters of ASCII.")
	}
}

// isXAttr accepts NAME=VALUE of an extended attribute (xattr(7)).
func isXAttr(v *value, _ string) {
	text, ok := v.expand(v.text)
	if name, _, assigned := strings.Cut(text, "="); ok && (!assigned || !strings.HasPrefix(name, "user.")) {
		v.fault(v.text, "is not an extended attribute", "Write user.NAME=VALUE.")
	}
}

// isRegex accepts a regular expression, with "~" before one for messages to hide
// (systemd.exec(5), LogFilterPatterns=).
func isRegex(v *value, _ string) {
	if pattern := strings.TrimPrefix(v.text, "~"); pattern == "" {
		v.fault(v.text, "has no pattern", "")
	} else if open, closed := strings.Count(pattern, "("), strings.Count(pattern, ")"); !strings.Contains(pattern, `\`) && !strings.Contains(pattern, "[") && open != closed {
		v.fault(v.text, fmt.Sprintf("is not a regular expression: %d brackets are opened, %d closed", open, closed), "")
	}
}
