package unitfile

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Blanks are the characters between words (systemd.syntax(7)).
const Blanks = " \t\n\r"

// Mode selects how a directive's value is split into words: each of systemd's directives
// has one.
type Mode int

// The modes of [Split]; they can be combined.
const (
	Unquote           Mode = 1 << iota // quotes are removed, and their contents are one word
	CEscapes                           // a backslash starts an escape as in C; an unknown one is an error
	Relaxed                            // with CEscapes: an unknown escape stays as it is
	KeepEscapes                        // a backslash is a character like any other
	EscapedSeparators                  // a backslash before a separator or backslash makes it an ordinary character
	EachSeparator                      // two separators have an empty word between them
)

// The errors of [Split].
var (
	ErrQuote  = errors.New("a quote is not closed")
	ErrEscape = errors.New("a backslash escapes nothing")
)

// Split splits a value into words at any of the separators.
func Split(value, separators string, mode Mode) ([]string, error) {
	var words []string
	for value != "" {
		word, rest, ok, err := Next(value, separators, mode)
		if err != nil {
			return words, err
		}
		if ok {
			words = append(words, word)
		}
		value = rest
	}
	return words, nil
}

// Next returns the first word, and the rest after the separators that follow it. ok is false if
// there is no word.
func Next(value, separators string, mode Mode) (word, rest string, ok bool, err error) {
	is := func(c byte) bool { return strings.IndexByte(separators, c) >= 0 }
	each := mode&EachSeparator != 0
	i := 0
	for i < len(value) && is(value[i]) {
		i++
		if each {
			return "", value[i:], true, nil
		}
	}
	if i == len(value) {
		return "", "", each && i > 0, nil
	}
	var b strings.Builder
	var quote byte
	for i < len(value) {
		switch c := value[i]; {
		case c == '\\' && mode&KeepEscapes == 0:
			text, length, ok := unescape(value[i+1:], separators, mode)
			if !ok {
				if quote != 0 && i+1 == len(value) {
					return "", "", false, ErrQuote
				}
				return "", "", false, ErrEscape
			}
			b.WriteString(text)
			i += 1 + length
			continue
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && mode&Unquote != 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && is(c):
			i++
			for !each && i < len(value) && is(value[i]) {
				i++
			}
			return b.String(), value[i:], true, nil
		default:
			b.WriteByte(c)
		}
		i++
	}
	if quote != 0 {
		return "", "", false, ErrQuote
	}
	return b.String(), "", true, nil
}

// unescape reads what follows a backslash, and how long that is.
func unescape(text, separators string, mode Mode) (string, int, bool) {
	if text == "" {
		return `\`, 0, mode&Relaxed != 0
	}
	if mode&CEscapes != 0 {
		if is, length, ok := cEscape(text); ok {
			return is, length, true
		}
	}
	separator := strings.IndexByte(separators, text[0]) >= 0 || text[0] == '\\'
	switch {
	case mode&EscapedSeparators != 0 && separator, mode&(CEscapes|EscapedSeparators) == 0:
		return text[:1], 1, true
	case mode&Relaxed != 0:
		return `\` + text[:1], 1, true
	}
	return "", 0, false
}

var simpleEscapes = map[byte]string{
	'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\\': `\`, '"': `"`, '\'': "'", 's': " ",
}

// cEscape reads an escape of systemd.syntax(7), "Quoting", without its backslash. One
// that stands for NUL is none.
func cEscape(text string) (string, int, bool) {
	if is, ok := simpleEscapes[text[0]]; ok {
		return is, 1, true
	}
	number := func(from, length, base int) (uint64, bool) {
		if len(text) < from+length {
			return 0, false
		}
		n, err := strconv.ParseUint(text[from:from+length], base, 32)
		return n, err == nil && n > 0
	}
	switch text[0] {
	case 'x':
		n, ok := number(1, 2, 16)
		return string([]byte{byte(n)}), 3, ok
	case 'u':
		n, ok := number(1, 4, 16)
		return string(rune(n)), 5, ok && utf8.ValidRune(rune(n))
	case 'U':
		n, ok := number(1, 8, 16)
		return string(rune(n)), 9, ok && utf8.ValidRune(rune(n))
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n, ok := number(0, 3, 8)
		return string([]byte{byte(n)}), 3, ok && n < 256
	}
	return "", 0, false
}
