package starlarkdoc

import (
	"strings"
	"testing"
)

const source = `"""All of it."""

load("@nowhere//:a.bzl", "a")

X = 1

def f(x, y = ["a"]):
    """Does.

    And more:

        f(1)

    Args:
        x: what.
        y: how: so
            and so.
    """
    a(x, y)

def _private():
    pass

def b():
    "Does less."
`

const sourceRendered = "# `//x:y.bzl`" + `

All of it.

## Functions

### b

Does less.


### f

Does.

And more:

    f(1)

- **` + "`x`" + `** (mandatory): what.
- **` + "`y`" + "** (default `[\"a\"]`)" + `: how: so
  and so.
`

func TestRenderSource(t *testing.T) {
	if got, err := RenderSource("//x:y.bzl", []byte(source)); err != nil || got != sourceRendered {
		t.Errorf("got %v\n%s\nwant\n%s", err, got, sourceRendered)
	}
	for name, test := range map[string]struct{ old, new, want string }{
		"no docstring":           {`    "Does less."`, "    pass", "no docstring: b"},
		"no module's docstring":  {`"""All of it."""`, "", "no docstring: //x:y.bzl"},
		"parameter not told of":  {"        x: what.\n", "", "no docstring: f.x"},
		"parameter not there":    {"x: what.", "z: what.", "it describes z"},
		"any number of them":     {"def f(x,", "def f(*x,", "*x is no named parameter"},
		"something but Starlark": {"def f(", "def (", "syntax error"},
	} {
		text := strings.Replace(source, test.old, test.new, 1)
		if got, err := RenderSource("//x:y.bzl", []byte(text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, %q, want %s", name, err, got, test.want)
		}
	}
}
