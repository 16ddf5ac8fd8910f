package osrelease

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// first are the fields that people look for. They come first, in this order.
// Others follow by name.
var first = []string{
	"ID", "PRETTY_NAME", "VERSION_ID", "BUILD_ID", "IMAGE_ID", "IMAGE_VERSION", "ARCHITECTURE",
	"PORTABLE_PREFIXES", "PORTABLE_PRETTY_NAME",
}

var (
	fieldName = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)
	// plain needs no quotes, in any shell.
	plain       = regexp.MustCompile(`^[A-Za-z0-9._+:/@%,-]+$`)
	identifier  = regexp.MustCompile(`^[a-z0-9._-]+$`)
	identifiers = []string{"ID", "IMAGE_ID", "VARIANT_ID"}
	// version has "~" and "^" beside that (UAPI.10), and capitals, as in 1.0-RC1,
	// which only os-release(5) minds.
	version  = regexp.MustCompile(`^[A-Za-z0-9._~^+-]+$`)
	versions = []string{"IMAGE_VERSION", "VERSION_ID"}
)

// IsIdentifier reports whether os-release(5) allows a value in the fields that programs compare,
// such as ID. (bzl/private/os_release.bzl makes one of a portable name.)
func IsIdentifier(value string) bool { return identifier.MatchString(value) }

// Format writes fields by name as an os-release file. A field with an empty value
// is left out.
func Format(fields map[string]string) ([]byte, error) {
	names := slices.SortedFunc(maps.Keys(fields), func(a, b string) int {
		if d := rank(a) - rank(b); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var b bytes.Buffer
	for _, name := range names {
		value := fields[name]
		if value == "" {
			continue
		}
		if err := check(name, value); err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%s=%s\n", name, quote(value))
	}
	return b.Bytes(), nil
}

func rank(name string) int {
	if i := slices.Index(first, name); i >= 0 {
		return i
	}
	return len(first)
}

func check(name, value string) error {
	switch {
	case !fieldName.MatchString(name):
		return fmt.Errorf("field %q: a name has capital letters, digits and underscores only, as in %q", name, suggestion(name))
	case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
		return fmt.Errorf("%s=%q: a value is one line of UTF-8 without control characters", name, value)
	case slices.Contains(identifiers, name) && !IsIdentifier(value):
		return fmt.Errorf("%s=%q: it may have lower-case letters, digits, \".\", \"_\" and \"-\" only; PRETTY_NAME is for people", name, value)
	case slices.Contains(versions, name) && !version.MatchString(value):
		return fmt.Errorf("%s=%q: it may have letters, digits and any of \"._~^+-\" only", name, value)
	}
	return nil
}

func suggestion(name string) string {
	return strings.Map(func(r rune) rune {
		if r = unicode.ToUpper(r); r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, name)
}

// quote writes a value so that a shell, and systemd, read it as it is.
func quote(value string) string {
	if plain.MatchString(value) {
		return value
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range value {
		if strings.ContainsRune("\"$`\\", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}
