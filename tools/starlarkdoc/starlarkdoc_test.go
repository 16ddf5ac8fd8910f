package starlarkdoc

import (
	"strings"
	"testing"
)

const module = `rule_info {
  rule_name: "b_rule"
  doc_string: "Makes a \"b\".\n\nIt\'s \303\242\302\200\302\234so\303\242\302\200\302\235."
  attribute {
    name: "srcs"
    doc_string: "One.\n\n    indented: {}\n\nTwo."
    type: LABEL_LIST
    default_value: "[]"
  }
  attribute {
    name: "name"
    doc_string: "Its name."
    type: NAME
    mandatory: true
  }
  origin_key {
    name: "b_rule"
  }
}
rule_info {
  rule_name: "a_rule"
  doc_string: "Makes an a."
}
provider_info {
  provider_name: "AInfo"
  doc_string: "What an a is."
  field_info {
    name: "file"
    doc_string: "File: a backslash \\ of it\342\200\246"
  }
}
func_info {
  function_name: "f"
  parameter {
    name: "x"
    doc_string: "What."
    default_value: "None"
  }
  doc_string: "Does."
  return {
    doc_string: "A thing."
  }
}
module_docstring: "All of it."
file: "@@//x:y.bzl"
`

const rendered = `# ` + "`//x:y.bzl`" + `

All of it.

## Rules

### a_rule

Makes an a.


### b_rule

Makes a "b".

It's “so”.

- **` + "`name`" + `** (name, mandatory): Its name.
- **` + "`srcs`" + `** (list of labels, default ` + "`[]`" + `): One.

      indented: {}

  Two.

## Functions

### f

Does.

- **` + "`x`" + `** (default ` + "`None`" + `): What.

Returns: A thing.

## Providers

### AInfo

What an a is.

- **` + "`file`" + `**: File: a backslash \ of it…
`

func TestRender(t *testing.T) {
	got, err := Render(module)
	if err != nil || got != rendered {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, rendered)
	}
}

func TestWhatIsNoDocumentation(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no docstring": {strings.Replace(module, `    doc_string: "Its name."`+"\n", "", 1), "no docstring: b_rule.name"},
		"cut off":      {"rule_info {\n", "ends within"},
		"brace":        {module + "}\n", "a brace too many"},
		"no field":     {module + "hello\n", `"hello" is no field`},
		"string":       {`file: "x`, "is no string"},
	} {
		if got, err := Render(test.text); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %q, want %s", name, err, got, test.want)
		}
	}
}
