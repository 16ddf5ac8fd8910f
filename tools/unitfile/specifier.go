package unitfile

import (
	"path"
	"strings"
)

// Specifier is a build's knowledge of a "%" and the letter after it.
type Specifier int

// The kinds of specifiers.
const (
	Known    Specifier = iota // the same on every host
	OfHost                    // only the host, or the start of an instance, determines it
	NoneSuch                  // it does not exist: systemd refuses the text
)

// Expand replaces the specifiers that mean the same on every host (systemd.unit(5),
// "Specifiers"), in a unit of this name. Others are left as they are, and are no success.
func Expand(name, text string) (expanded string, ok bool) {
	worst := Known
	expanded = Specifiers(name, text, func(letter byte, is Specifier) string {
		worst = max(worst, is)
		return "%" + string([]byte{letter})
	})
	return expanded, worst == Known
}

// Specifiers replaces all specifiers in a text: those that mean the same on every host,
// and the others by what other returns.
func Specifiers(name, text string, other func(letter byte, is Specifier) string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	known := specifiers(name)
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		// A lone one at the end is itself, and so is one before what can't be a specifier.
		if text[i] != '%' || i+1 == len(text) || !alphanumeric(text[i+1]) && text[i+1] != '%' {
			b.WriteByte(text[i])
			continue
		}
		i++
		if value, ok := known[text[i]]; ok {
			b.WriteString(value)
		} else if strings.IndexByte(ofHost, text[i]) >= 0 {
			b.WriteString(other(text[i], OfHost))
		} else {
			b.WriteString(other(text[i], NoneSuch))
		}
	}
	return b.String()
}

// ofHost are specifiers of which a build can't know the value.
const ofHost = "aAbBcdDfHiIJlmMnNoqrRsvwWyYj"

func alphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// specifiers are those of a unit that are the same on every host.
func specifiers(name string) map[byte]string {
	stem := strings.TrimSuffix(name, path.Ext(name))
	prefix, instance, has := strings.Cut(stem, "@")
	all := map[byte]string{
		'%': "%", 'p': prefix, 'P': Unescape(prefix), 'j': lastPart(prefix), 'J': Unescape(lastPart(prefix)),
		// Portable services belong to the system's service manager, which runs as root.
		'u': "root", 'U': "0", 'g': "root", 'G': "0", 'h': "/root",
		'C': "/var/cache", 'E': "/etc", 'L': "/var/log", 'S': "/var/lib", 't': "/run", 'T': "/tmp", 'V': "/var/tmp",
	}
	// A template's instances are named on the host.
	if !has || instance != "" {
		all['n'], all['N'], all['i'], all['I'] = name, stem, instance, Unescape(instance)
		path := instance
		if !has {
			path = prefix
		}
		all['f'] = "/" + strings.TrimPrefix(Unescape(path), "/")
	}
	return all
}

// lastPart returns the text after the last dash.
func lastPart(prefix string) string { return prefix[strings.LastIndex(prefix, "-")+1:] }

// Unescape undoes the escaping of unit names (systemd.unit(5), "String Escaping for
// Inclusion in Unit Names"): a dash is a slash, and \x2d a dash. What can't be undone
// is left as it is.
func Unescape(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		switch {
		case name[i] == '-':
			b.WriteByte('/')
		case name[i] == '\\':
			text, length, ok := "", 0, false
			if i+1 < len(name) && name[i+1] == 'x' {
				text, length, ok = cEscape(name[i+1:])
			}
			if !ok {
				return name
			}
			b.WriteString(text)
			i += length
		default:
			b.WriteByte(name[i])
		}
	}
	return b.String()
}
