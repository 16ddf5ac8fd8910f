package starlarkdoc

import (
	"fmt"
	"slices"
	"strings"
)

// types are attributes' types, in the words of Bazel's documentation.
var types = map[string]string{
	"NAME": "name", "INT": "int", "LABEL": "label", "STRING": "string", "STRING_LIST": "list of strings", "INT_LIST": "list of ints",
	"LABEL_LIST": "list of labels", "BOOLEAN": "bool", "LABEL_STRING_DICT": "dict of label to string",
	"STRING_DICT": "dict of string to string", "STRING_LIST_DICT": "dict of string to list of strings",
	"LABEL_DICT_UNARY": "dict of string to label", "OUTPUT": "output", "OUTPUT_LIST": "list of outputs",
}

// Render turns a file's documentation, in protobuf's text format, into a page. What has
// no docstring is an error, since a page full of holes helps nobody.
func Render(textproto string) (string, error) {
	module, err := parse(textproto)
	if err != nil {
		return "", err
	}
	return render(module)
}

func render(module *message) (string, error) {
	p := &page{}
	file := module.text("file")
	p.line("# `%s`", strings.TrimPrefix(file, "@@"))
	p.paragraph(p.doc(module, "module_docstring", file))
	for _, kind := range []struct {
		field, title, name string
		write              func(*message)
	}{
		{"rule_info", "Rules", "rule_name", p.rule},
		{"func_info", "Functions", "function_name", p.function},
		{"provider_info", "Providers", "provider_name", p.provider},
	} {
		symbols := module.messages[kind.field]
		if len(symbols) == 0 {
			continue
		}
		slices.SortFunc(symbols, func(a, b *message) int { return strings.Compare(a.text(kind.name), b.text(kind.name)) })
		p.line("\n## %s", kind.title)
		for _, symbol := range symbols {
			p.line("\n### %s", symbol.text(kind.name))
			kind.write(symbol)
		}
	}
	if len(p.missing) > 0 {
		return "", fmt.Errorf("%s: no docstring: %s", file, strings.Join(p.missing, ", "))
	}
	return p.text.String(), nil
}

type page struct {
	text    strings.Builder
	missing []string
}

func (p *page) line(format string, args ...any) { fmt.Fprintf(&p.text, format+"\n", args...) }

func (p *page) paragraph(text string) { p.line("\n%s", text) }

// doc is a docstring, which whose must have.
func (p *page) doc(m *message, field, whose string) string {
	text := strings.TrimSpace(m.text(field))
	if text == "" {
		p.missing = append(p.missing, whose)
	}
	return text
}

func (p *page) rule(rule *message) {
	name := rule.text("rule_name")
	p.paragraph(p.doc(rule, "doc_string", name))
	p.line("")
	attributes := rule.messages["attribute"]
	// First what must be given, then by name.
	slices.SortStableFunc(attributes, func(a, b *message) int {
		if x, y := mandatory(a), mandatory(b); x != y {
			if x {
				return -1
			}
			return 1
		}
		return strings.Compare(a.text("name"), b.text("name"))
	})
	for _, attribute := range attributes {
		kind, known := types[attribute.text("type")]
		if !known {
			kind = attribute.text("type")
		}
		if mandatory(attribute) {
			kind += ", mandatory"
		} else {
			kind += ", default `" + attribute.text("default_value") + "`"
		}
		p.item(attribute, name, kind)
	}
}

func mandatory(attribute *message) bool { return attribute.text("mandatory") == "true" }

func (p *page) provider(provider *message) {
	name := provider.text("provider_name")
	p.paragraph(p.doc(provider, "doc_string", name))
	p.line("")
	for _, field := range provider.messages["field_info"] {
		p.item(field, name, "")
	}
}

func (p *page) function(function *message) {
	name := function.text("function_name")
	p.paragraph(p.doc(function, "doc_string", name))
	p.line("")
	for _, parameter := range function.messages["parameter"] {
		kind := "mandatory"
		if value := parameter.text("default_value"); value != "" {
			kind = "default `" + value + "`"
		}
		p.item(parameter, name, kind)
	}
	for _, result := range function.messages["return"] {
		p.paragraph("Returns: " + result.text("doc_string"))
	}
}

// item is a list's item: a name, what it is, and its docstring, whose further lines
// belong to it.
func (p *page) item(m *message, owner, kind string) {
	name := m.text("name")
	if kind != "" {
		kind = " (" + kind + ")"
	}
	text := p.doc(m, "doc_string", owner+"."+name)
	if first, rest, more := strings.Cut(text, "\n"); more {
		text = first + "\n" + indent(rest)
	}
	p.line("- **`%s`**%s: %s", name, kind, text)
}

func indent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) != "" {
			lines[i] = "  " + line
		}
	}
	return strings.Join(lines, "\n")
}
