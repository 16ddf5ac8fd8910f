package unitfile

import (
	"path"
	"strings"
)

// Expand replaces the specifiers that mean the same on every host (systemd.unit(5),
// "Specifiers"), in a unit of this name. Others are left as they are, and are no success.
func Expand(name, text string) (expanded string, ok bool) {
	if !strings.Contains(text, "%") {
		return text, true
	}
	stem := strings.TrimSuffix(name, path.Ext(name))
	prefix, _, isInstance := strings.Cut(stem, "@")
	values := map[byte]string{
		'%': "%", 'n': name, 'N': stem, 'p': prefix, 'P': prefix, 'j': prefix[strings.LastIndex(prefix, "-")+1:],
		'C': "/var/cache", 'E': "/etc", 'L': "/var/log", 'S': "/var/lib", 't': "/run", 'T': "/tmp", 'V': "/var/tmp",
	}
	if isInstance {
		// A template's instances are called on the host.
		delete(values, 'n')
		delete(values, 'N')
	} else {
		values['i'], values['I'] = "", ""
	}
	ok = true
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		// A lone one at the end is itself.
		if text[i] != '%' || i+1 == len(text) {
			b.WriteByte(text[i])
			continue
		}
		i++
		value, known := values[text[i]]
		if !known {
			value, ok = text[i-1:i+1], false
		}
		b.WriteString(value)
	}
	return b.String(), ok
}

// Words splits a directive's value as systemd does: at white space, but not
// between quotes or after a backslash (systemd.syntax(7)).
func Words(value string) []string {
	var all []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	escaped := false
	for _, r := range value {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inWord = r, true
		case quote == 0 && strings.ContainsRune(" \t\n\r", r):
			if inWord {
				all = append(all, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		all = append(all, word.String())
	}
	return all
}
