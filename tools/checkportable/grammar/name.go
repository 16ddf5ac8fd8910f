package grammar

import (
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/unitfile"
)

var (
	unitName  = regexp.MustCompile(`^[A-Za-z0-9:_.\\-]+(?:@[A-Za-z0-9:_.\\@-]*)?\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)$`)
	digits    = regexp.MustCompile(`^-?[0-9]+$`)
	userID    = regexp.MustCompile(`^(?:0|[1-9][0-9]{0,9})$`)
	busName   = regexp.MustCompile(`^(?::[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+|[A-Za-z_-][A-Za-z0-9_-]*(?:\.[A-Za-z_-][A-Za-z0-9_-]*)+)$`)
	namespace = regexp.MustCompile(`^[A-Za-z0-9:_.@-]+$`)
)

// IsUnitName reports whether a text is the name of a unit or a template (systemd.unit(5)).
func IsUnitName(name string) bool { return len(name) < 256 && unitName.MatchString(name) }

// unitSuffixes are the suffixes of all unit types (systemd.unit(5)).
var unitSuffixes = []string{"service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"}

// UnitFix suggests a name for a unit instead of an invalid one.
func UnitFix(name string) string {
	stem, suffix, ok := strings.Cut(name, path.Ext(name))
	near := directives.Nearest(strings.TrimPrefix(path.Ext(name), "."), unitSuffixes)
	switch {
	case strings.ContainsAny(name, ",;"):
		return "Write a blank between the names."
	case ok && suffix == "" && near != "" && IsUnitName(stem+"."+near):
		return "Did you mean " + stem + "." + near + "?"
	}
	return "Write the name with its suffix, as in network.target."
}

// isUnits accepts a list of units; if the argument names a type, only units of that type.
func isUnits(v *value, _ string) {
	for _, word := range v.words(unitfile.KeepEscapes) {
		name, ok := v.expand(word)
		switch {
		case !ok:
		case !IsUnitName(name):
			v.fault(word, "is not a valid name of a unit", UnitFix(name))
		case v.arg == "socket" && path.Ext(name) != ".socket":
			v.fault(word, "is not a socket unit", "Write the name of a unit that ends in .socket.")
		case v.arg == "obsolete":
			v.discouraged(word, "is taken for "+strings.TrimSuffix(v.name, "Overridable")+"=: this name is obsolete", "Write "+strings.TrimSuffix(v.name, "Overridable")+"=.")
		}
	}
}

// isUnit accepts one unit; with the argument "service", only a service.
func isUnit(v *value, _ string) {
	name, ok := v.expand(v.text)
	switch {
	case !ok:
	case !IsUnitName(name):
		v.fault(v.text, "is not a valid name of a unit", UnitFix(name))
	case v.arg == "service" && strings.Contains(name, "@."):
		v.fault(v.text, "is a template, not an instance of one", "Write the name of an instance, as in foo@bar.service.")
	case v.arg == "service" && path.Ext(name) != ".service":
		v.fault(v.text, "is not a service", "Write the name of a unit that ends in .service.")
	case name == v.unit:
		v.fault(v.text, "is the unit itself", "")
	}
}

// isSlice accepts a slice unit (systemd.resource-control(5)).
func isSlice(v *value, _ string) {
	name, ok := v.expand(v.text)
	if ok && (!IsUnitName(name) || path.Ext(name) != ".slice" || strings.Contains(name, "@")) {
		v.fault(v.text, "is not a valid name of a slice", "Write one as in system.slice or foo-bar.slice.")
	}
}

// isUser accepts a user's or group's name or number, or a list of them (systemd.exec(5);
// systemd's own documentation of user names calls these rules relaxed).
func isUser(v *value, _ string) {
	list := []string{v.text}
	if v.kind == "users" {
		list = v.words(0)
	}
	for _, word := range list {
		name, ok := v.expand(word)
		switch {
		case !ok:
			v.faults[len(v.faults)-1].Effect = Refused
		case !isUserName(name):
			fix := "Write one name or number."
			if user, _, ok := strings.Cut(name, ":"); ok && isUserName(user) {
				fix = "Write " + user + "; the group has a line of its own."
			}
			v.refused(word, "is neither the name nor the number of a user or group", fix)
		case name == "nobody" && strings.HasSuffix(v.name, "User"):
			v.discouraged(word, "is not safe: this user's files belong to nobody, and other services use it", "Write DynamicUser=yes, or a user of the service's own.")
		}
	}
}

func isUserName(name string) bool {
	if digits.MatchString(name) {
		n, err := strconv.ParseUint(name, 10, 64)
		return userID.MatchString(name) && err == nil && n < 1<<32-1 && n != 1<<16-1
	}
	return name != "" && name != "-" && name != "." && name != ".." && utf8.ValidString(name) && !strings.ContainsAny(name, ":/") &&
		name == strings.Trim(name, " \t") && !strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) })
}

// isBusName accepts a well-known name of D-Bus.
func isBusName(v *value, _ string) {
	name, ok := v.expand(v.text)
	if ok && (!busName.MatchString(name) || len(name) > 255) {
		v.fault(v.text, "is not a well-known bus name", "Write one as in org.example.Hello1.")
	}
}

// isLogNamespace accepts a journal's namespace (systemd.exec(5)).
func isLogNamespace(v *value, _ string) {
	name, ok := v.expand(v.text)
	if ok && (!namespace.MatchString(name) || !isFileName(name) || len(name) > 222) {
		v.fault(v.text, "is not a valid name of a journal namespace", "Write letters, digits and \":-_.\\\" only.")
	}
}

// isDescriptorName accepts a name that sd_listen_fds_with_names(3) can return.
func isDescriptorName(v *value, _ string) {
	name, ok := v.expand(v.text)
	if ok && (len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' || r == ':' })) {
		v.fault(v.text, "is not a valid name of a file descriptor", "Write up to 255 characters of ASCII, without a colon.")
	}
}

// isSubGroup accepts a name of a control group (systemd.resource-control(5)).
func isSubGroup(v *value, _ string) {
	if !isFileName(v.text) || strings.ContainsRune("_.", rune(v.text[0])) || slices.Contains([]string{"tasks", "notify_on_release", "release_agent"}, v.text) || strings.HasPrefix(v.text, "cgroup.") {
		v.fault(v.text, "is not a valid name of a control group", "")
	}
}

// isFileName reports whether a text can be a file's name in a directory.
func isFileName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 && !strings.Contains(name, "/")
}

// isNames accepts a list of names, of systemd-oomd's rules or of sessions.
func isNames(v *value, _ string) {
	if v.arg == "session" {
		for _, word := range v.words(0) {
			if len(word) > 64 || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`:*"'`, r) }) {
				v.fault(word, "is not a valid name of a session", "")
			}
		}
		return
	}
	for _, word := range v.words(unitfile.Unquote | unitfile.KeepEscapes) {
		if !isFileName(word) || strings.ContainsAny(word, `*?[\`) {
			v.fault(word, "is not a valid name of a rule", "")
		}
	}
}

// isDocumentation accepts a list of addresses (systemd.unit(5)).
func isDocumentation(v *value, _ string) {
	for _, word := range v.words(unitfile.Unquote) {
		address, ok := v.expand(word)
		if ok && !isAddress(address) {
			v.fault(word, "is not the address of a page", "Write one that starts with http://, https://, file:, info: or man:.")
		}
	}
}

var addressForm = regexp.MustCompile(`^(?:https?://|file:/|info:|man:)[ -~]+$`)

func isAddress(text string) bool { return text == "" || addressForm.MatchString(text) }
