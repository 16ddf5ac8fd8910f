package osrelease

import (
	"strings"
	"testing"
)

func TestFormat(t *testing.T) {
	got, err := Format(map[string]string{
		"HOME_URL":             "https://example.org/?a=b",
		"PORTABLE_PREFIXES":    "hello world",
		"ID":                   "hello",
		"PRETTY_NAME":          "Hello",
		"A_B":                  "1",
		"VARIANT":              "",
		"IMAGE_VERSION":        "1.0~rc1",
		"PORTABLE_PRETTY_NAME": "d'été \"$HOME\" `id` \\ #",
	})
	want := `ID=hello
PRETTY_NAME=Hello
IMAGE_VERSION="1.0~rc1"
PORTABLE_PREFIXES="hello world"
PORTABLE_PRETTY_NAME="d'été \"\$HOME\" \` + "`id\\`" + ` \\ #"
A_B=1
HOME_URL="https://example.org/?a=b"
`
	if err != nil || string(got) != want {
		t.Errorf("got\n%s%v\nwant\n%s", got, err, want)
	}
}

func TestBadFields(t *testing.T) {
	for name, test := range map[string]struct{ field, value, want string }{
		"lower-case name":   {"home-url", "x", `as in "HOME_URL"`},
		"two lines":         {"PRETTY_NAME", "a\nb", "one line"},
		"not UTF-8":         {"PRETTY_NAME", "\xff", "UTF-8"},
		"ID for people":     {"ID", "Hello World", "PRETTY_NAME is for people"},
		"IMAGE_ID capitals": {"IMAGE_ID", "Hello", "lower-case"},
		"version":           {"IMAGE_VERSION", "1 0", "digits"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Format(map[string]string{test.field: test.value})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error that says %q", err, test.want)
			}
		})
	}
}

// Reading returns the values that were written.
func FuzzRoundTrip(f *testing.F) {
	for _, value := range []string{
		"hello", "1.2~rc1", "Hello, World", "", " ", "a=b", "#", "~", "100%", "d'été", "$HOME `id`", `\`, `\\"`, `"quoted"`,
		`ends with \`, "a\\$b", "\u2028", "\u00a0x", "!important", "[x]*?", "&;|<>()",
	} {
		f.Add("PRETTY_NAME", value)
		f.Add("IMAGE_VERSION", value)
		f.Add("X_1", value)
	}
	f.Fuzz(func(t *testing.T, name, value string) {
		text, err := Format(map[string]string{name: value, "ID": "hello"})
		if err != nil {
			return // what may not be written
		}
		if name == "ID" {
			t.Skip("given twice")
		}
		want := 2
		if value == "" {
			want = 1
		}
		file := Parse(text)
		if len(file.Problems) > 0 || len(file.Assignments) != want {
			t.Fatalf("%q is read as %+v", text, file)
		}
		if got, _ := file.Lookup(name); got.Value != value {
			t.Errorf("%q is written as %q and read as %q", value, text, got.Value)
		}
	})
}
