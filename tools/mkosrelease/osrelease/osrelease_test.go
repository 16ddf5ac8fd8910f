package osrelease

import (
	"os"
	"path/filepath"
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

func TestStamp(t *testing.T) {
	dir := t.TempDir()
	stable, volatile := filepath.Join(dir, "stable-status.txt"), filepath.Join(dir, "volatile-status.txt")
	for name, text := range map[string]string{stable: "STABLE_VCS_REF abc 1\nBUILD_EMBED_LABEL \n", volatile: "BUILD_TIMESTAMP 12\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fields := map[string]string{"BUILD_ID": "old", "ID": "hello"}
	err := Stamp(fields, map[string]string{"BUILD_ID": "STABLE_VCS_REF", "TIME": "BUILD_TIMESTAMP"}, []string{stable, volatile})
	if err != nil || fields["BUILD_ID"] != "abc 1" || fields["TIME"] != "12" || fields["ID"] != "hello" {
		t.Errorf("got %v, %v", fields, err)
	}
	for key, want := range map[string]string{
		"STABLE_MISSING":    "no STABLE_MISSING for BUILD_ID",
		"BUILD_EMBED_LABEL": "--embed_label",
	} {
		err := Stamp(fields, map[string]string{"BUILD_ID": key}, []string{stable, volatile})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "without --stamp") {
			t.Errorf("%s: got %v, want an error that says %q", key, err, want)
		}
	}
	if err := Stamp(fields, nil, []string{"/nonexistent"}); err != nil {
		t.Errorf("nothing to stamp: %v", err)
	}
}
