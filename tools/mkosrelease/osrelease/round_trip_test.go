package osrelease

import (
	"testing"

	reader "example.org/portable-walkthrough-go/tools/checkportable/osrelease"
)

// What is written is read as it was given, by the reader of the image's checks.
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
		file := reader.Parse(text)
		if len(file.Problems) > 0 || len(file.Assignments) != want {
			t.Fatalf("%q is read as %+v", text, file)
		}
		if got, _ := file.Lookup(name); got.Value != value {
			t.Errorf("%q is written as %q and read as %q", value, text, got.Value)
		}
	})
}
