package docs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A message is one of protobuf's: strings and messages by field name. Of a repeated string
// it has the last.
type message struct {
	text     map[string]string
	messages map[string][]*message
}

// parse reads protobuf's text format as Bazel writes it, a line for each field: "name: value",
// or "name {" up to "}". The format names its fields; the binary one would need Bazel's schema,
// stardoc_output.proto.
func parse(text string) (*message, error) {
	newMessage := func() *message { return &message{map[string]string{}, map[string][]*message{}} }
	stack := []*message{newMessage()}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		last := stack[len(stack)-1]
		name, value, isText := strings.Cut(line, ": ")
		switch {
		case line == "}" && len(stack) > 1:
			stack = stack[:len(stack)-1]
		case strings.HasSuffix(line, " {"):
			name, m := strings.TrimSuffix(line, " {"), newMessage()
			last.messages[name] = append(last.messages[name], m)
			stack = append(stack, m)
		case isText && value[0] == '"':
			// Go has protobuf's escapes, except that of the single quote.
			unquoted, err := strconv.Unquote(strings.ReplaceAll(value, `\'`, `'`))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", line, err)
			}
			if strings.ContainsFunc(unquoted, func(r rune) bool { return r > unicode.MaxASCII }) {
				return nil, fmt.Errorf("%s: Bazel 7 takes Starlark files for Latin-1; write ASCII in a docstring", line)
			}
			last.text[name] = unquoted
		case isText:
			last.text[name] = value
		default:
			return nil, fmt.Errorf("%q is no field", line)
		}
	}
	if len(stack) > 1 {
		return nil, fmt.Errorf("it ends within a message")
	}
	return stack[0], nil
}

// types are attributes' types, in the words of Bazel's documentation.
var types = map[string]string{
	"NAME": "name", "INT": "int", "LABEL": "label", "STRING": "string", "STRING_LIST": "list of strings", "INT_LIST": "list of ints",
	"LABEL_LIST": "list of labels", "BOOLEAN": "bool", "LABEL_STRING_DICT": "dict of label to string",
	"STRING_DICT": "dict of string to string", "STRING_LIST_DICT": "dict of string to list of strings",
	"LABEL_DICT_UNARY": "dict of string to label", "OUTPUT": "output",
}

type page struct {
	strings.Builder
	undocumented []string
}

// render makes a page of a file's documentation, in protobuf's text format. What has no
// docstring is an error.
func render(textproto string) (string, error) {
	file, err := parse(textproto)
	if err != nil {
		return "", err
	}
	p := new(page)
	p.printf("# `%s`\n", strings.TrimPrefix(file.text["file"], "@@"))
	p.paragraph(file, "module_docstring", file.text["file"])
	for _, kind := range []struct{ title, field, name, members string }{
		{"Rules", "rule_info", "rule_name", "attribute"},
		{"Functions", "func_info", "function_name", "parameter"},
		{"Providers", "provider_info", "provider_name", "field_info"},
	} {
		symbols := file.messages[kind.field]
		if len(symbols) == 0 {
			continue
		}
		slices.SortFunc(symbols, func(a, b *message) int { return cmp.Compare(a.text[kind.name], b.text[kind.name]) })
		p.printf("\n## %s\n", kind.title)
		for _, symbol := range symbols {
			name, members := symbol.text[kind.name], symbol.messages[kind.members]
			p.printf("\n### %s\n", name)
			p.paragraph(symbol, "doc_string", name)
			if kind.members == "attribute" {
				// The mandatory ones first, then by name.
				slices.SortFunc(members, func(a, b *message) int {
					return cmp.Or(cmp.Compare(b.text["mandatory"], a.text["mandatory"]), cmp.Compare(a.text["name"], b.text["name"]))
				})
			}
			p.printf("\n")
			for _, member := range members {
				p.member(name, kind.members, member)
			}
			for _, result := range symbol.messages["return"] {
				p.printf("\nReturns: %s\n", result.text["doc_string"])
			}
		}
	}
	for _, extension := range file.messages["module_extension_info"] {
		name := extension.text["extension_name"]
		p.printf("\n## Module extension %s\n", name)
		p.paragraph(extension, "doc_string", name)
		for _, tag := range extension.messages["tag_class"] {
			name := name + "." + tag.text["tag_name"]
			p.printf("\n### %s\n", name)
			p.paragraph(tag, "doc_string", name)
			p.printf("\n")
			for _, attribute := range tag.messages["attribute"] {
				p.member(name, "attribute", attribute)
			}
		}
	}
	if len(p.undocumented) > 0 {
		return "", fmt.Errorf("no docstring: %s", strings.Join(p.undocumented, ", "))
	}
	return p.String(), nil
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

func (p *page) paragraph(m *message, field, of string) {
	p.printf("\n%s\n", p.documented(m, field, of))
}

// documented returns a docstring, and notes if there is none.
func (p *page) documented(m *message, field, of string) string {
	text := strings.TrimSpace(m.text[field])
	if text == "" {
		p.undocumented = append(p.undocumented, of)
	}
	return text
}

// member writes a list's item: a name, what kind of thing it is, and its docstring, whose further
// lines are indented.
func (p *page) member(of, kind string, m *message) {
	name, value := m.text["name"], m.text["default_value"]
	var notes []string
	if kind == "attribute" {
		notes = append(notes, cmp.Or(types[m.text["type"]], m.text["type"]))
	}
	switch {
	case kind == "field_info":
	case m.text["mandatory"] == "true" || value == "":
		notes = append(notes, "mandatory")
	default:
		notes = append(notes, "default `"+value+"`")
	}
	p.printf("- **`%s`**", name)
	if len(notes) > 0 {
		p.printf(" (%s)", strings.Join(notes, ", "))
	}
	text := strings.ReplaceAll(p.documented(m, "doc_string", of+"."+name), "\n", "\n  ")
	p.printf(": %s\n", strings.ReplaceAll(text, "\n  \n", "\n\n"))
}
