// Package starlarkdoc renders what Bazel's starlark_doc_extract says of a Starlark file
// as Markdown.
//
// It reads the rule's output in protobuf's text format, which names its fields, rather
// than the binary one, which would need the schema (Bazel's stardoc_output.proto).
package starlarkdoc

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A message is a protobuf message: values by field name, in order.
type message struct {
	scalars  map[string][]string
	messages map[string][]*message
}

func newMessage() *message {
	return &message{make(map[string][]string), make(map[string][]*message)}
}

// text is a field's value; "" if it is not set.
func (m *message) text(field string) string {
	if values := m.scalars[field]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// parse reads a message whose every line is a field, as Bazel writes it: "name: value",
// or "name {" up to "}".
func parse(text string) (*message, error) {
	stack := []*message{newMessage()}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		last := stack[len(stack)-1]
		name, value, isScalar := strings.Cut(line, ": ")
		switch {
		case line == "":
		case line == "}":
			if len(stack) == 1 {
				return nil, fmt.Errorf("line %d: a brace too many", i+1)
			}
			stack = stack[:len(stack)-1]
		case strings.HasSuffix(line, " {"):
			name := strings.TrimSuffix(line, " {")
			m := newMessage()
			last.messages[name] = append(last.messages[name], m)
			stack = append(stack, m)
		case isScalar:
			value, err := unquote(value)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			last.scalars[name] = append(last.scalars[name], value)
		default:
			return nil, fmt.Errorf("line %d: %q is no field", i+1, line)
		}
	}
	if len(stack) != 1 {
		return nil, fmt.Errorf("it ends within a message")
	}
	return stack[0], nil
}

// unquote takes a string out of its quotes, and leaves a number or name as it is.
func unquote(value string) (string, error) {
	if !strings.HasPrefix(value, `"`) {
		return value, nil
	}
	// Go knows protobuf's escapes, but one: that of the quote which it does not use.
	var b strings.Builder
	for i := 0; i < len(value); i++ {
		if value[i] == '\\' && i+1 < len(value) {
			i++
			if value[i] != '\'' {
				b.WriteByte('\\')
			}
		}
		b.WriteByte(value[i])
	}
	text, err := strconv.Unquote(b.String())
	if err != nil {
		return "", fmt.Errorf("%s is no string: %w", value, err)
	}
	return decode(text), nil
}

// decode undoes that Bazel 7 takes Starlark files for Latin-1, and so encodes what is
// UTF-8 already once more.
func decode(text string) string {
	var b []byte
	for _, r := range text {
		if r > 0xff {
			return text
		}
		b = append(b, byte(r))
	}
	if !utf8.Valid(b) {
		return text
	}
	return string(b)
}
