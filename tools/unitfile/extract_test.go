package unitfile

import (
	"errors"
	"slices"
	"testing"
)

func TestSplit(t *testing.T) {
	const c, relaxed = Unquote | CEscapes, Unquote | CEscapes | Relaxed
	for _, test := range []struct {
		value, separators string
		mode              Mode
		want              []string
		err               error
	}{
		{"a  b\tc", Blanks, 0, []string{"a", "b", "c"}, nil},
		{`"a b" 'c "d"' e\ f`, Blanks, Unquote, []string{"a b", `c "d"`, "e f"}, nil},
		{`"a b"`, Blanks, 0, []string{`"a`, `b"`}, nil},
		{`a"b c"d`, Blanks, Unquote, []string{"ab cd"}, nil},
		{"", Blanks, Unquote, nil, nil},
		{`""`, Blanks, Unquote, []string{""}, nil},
		{`"a`, Blanks, Unquote, nil, ErrQuote},
		{`a "b`, Blanks, Unquote, []string{"a"}, ErrQuote},
		{`a\x2db \101 \u00e9 \s`, Blanks, c, []string{"a-b", "A", "é", " "}, nil},
		{`a\q`, Blanks, c, nil, ErrEscape},
		{`a\q b\`, Blanks, relaxed, []string{`a\q`, `b\`}, nil},
		{`a\x2db\ c`, Blanks, Unquote | KeepEscapes, []string{`a\x2db\`, "c"}, nil},
		{`/a\:b:/c::`, ":", EscapedSeparators | EachSeparator, []string{"/a:b", "/c", ""}, nil},
		{`/a\x00`, Blanks, c, nil, ErrEscape},
	} {
		got, err := Split(test.value, test.separators, test.mode)
		if !slices.Equal(got, test.want) || !errors.Is(err, test.err) {
			t.Errorf("Split(%s) = %q, %v, want %q, %v", test.value, got, err, test.want, test.err)
		}
	}
}

func TestTuples(t *testing.T) {
	for _, test := range []struct {
		directive, value string
		want             [][]string
	}{
		{"BindPaths", `/srv/a\:b:/srv/c\:d "/a b:/c d"`, [][]string{{"/srv/a:b", "/srv/c:d"}, {"/a b", "/c d"}}},
		{"StateDirectory", `a\x2db:c "d e"`, [][]string{{"a-b", "c"}, {"d e"}}},
		{"TemporaryFileSystem", "/a:ro,mode=0700", [][]string{{"/a", "ro,mode=0700"}}},
		{"ReadOnlyPaths", "/a:b /c", [][]string{{"/a:b"}, {"/c"}}},
	} {
		got, err := Tuples(test.directive, test.value)
		if err != nil || !slices.EqualFunc(got, test.want, slices.Equal) {
			t.Errorf("%s=%s: %q, %v, want %q", test.directive, test.value, got, err, test.want)
		}
	}
}
