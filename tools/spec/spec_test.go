package spec

import (
	"cmp"
	"fmt"
	"path"
	"strings"
	"testing"
)

func TestEntryCheck(t *testing.T) {
	for name, test := range map[string]struct {
		entry Entry
		want  string // part of the error; empty for none
	}{
		"directory":           {Entry{Path: "/proc", Type: Directory, Mode: "0555"}, ""},
		"sticky directory":    {Entry{Path: "/tmp", Type: Directory, Mode: "1777"}, ""},
		"file":                {Entry{Path: "/usr/bin/a", Type: File, Mode: "0755", Source: "a"}, ""},
		"empty file":          {Entry{Path: "/etc/machine-id", Type: File, Mode: "0644"}, ""},
		"symlink":             {Entry{Path: "/etc/mtab", Type: Symlink, Target: "../proc/self/mounts"}, ""},
		"symlink to the root": {Entry{Path: "/a/b", Type: Symlink, Target: ".."}, ""},
		"symlink, dots":       {Entry{Path: "/a/b", Type: Symlink, Target: "./../c/./d"}, ""},
		"owned":               {Entry{Path: "/srv", Type: Directory, Mode: "0755", Owner: "33:4294967294"}, ""},
		"tree":                {Entry{Path: "/srv", Type: Tree, Mode: "0644", Source: "a"}, ""},
		"tree at the root":    {Entry{Path: "/", Type: Tree, Mode: "0644", Source: "a"}, ""},
		"mode alone":          {Entry{Path: "/srv", Type: Attributes, Mode: "0700"}, ""},
		"owner alone":         {Entry{Path: "/srv", Type: Attributes, Owner: "1:2"}, ""},
		"name with a space":   {Entry{Path: "/etc/a b", Type: File, Mode: "0644"}, ""},

		"relative path":          {Entry{Path: "etc/a", Type: File, Mode: "0644"}, "not an absolute path"},
		"empty path":             {Entry{Path: "", Type: File, Mode: "0644"}, "not an absolute path"},
		"root":                   {Entry{Path: "/", Type: Directory, Mode: "0755"}, "leave it out"},
		"dot dot":                {Entry{Path: "/etc/../../a", Type: File, Mode: "0644"}, `did you mean "/a"`},
		"trailing slash":         {Entry{Path: "/etc/", Type: Directory, Mode: "0755"}, `did you mean "/etc"`},
		"double slash":           {Entry{Path: "/etc//a", Type: File, Mode: "0644"}, "not a clean path"},
		"newline":                {Entry{Path: "/etc/a\nb", Type: File, Mode: "0644"}, "control characters"},
		"not UTF-8":              {Entry{Path: "/etc/\xff", Type: File, Mode: "0644"}, "invalid UTF-8"},
		"long name":              {Entry{Path: "/" + strings.Repeat("x", 257), Type: File, Mode: "0644"}, "longer than"},
		"no mode":                {Entry{Path: "/a", Type: File}, "four octal digits"},
		"decimal mode":           {Entry{Path: "/a", Type: File, Mode: "0798"}, "four octal digits"},
		"short mode":             {Entry{Path: "/a", Type: File, Mode: "755"}, "four octal digits"},
		"symbolic mode":          {Entry{Path: "/a", Type: File, Mode: "u=rw"}, "four octal digits"},
		"type":                   {Entry{Path: "/a", Type: "fifo", Mode: "0644"}, "must be directory"},
		"directory with content": {Entry{Path: "/a", Type: Directory, Mode: "0755", Source: "x"}, "can't have"},
		"file with a target":     {Entry{Path: "/a", Type: File, Mode: "0755", Target: "x"}, "can't have"},
		"symlink with a mode":    {Entry{Path: "/a", Type: Symlink, Mode: "0777", Target: "x"}, "no mode of its own"},
		"symlink with a source":  {Entry{Path: "/a", Type: Symlink, Target: "x", Source: "x"}, "can't have"},
		"owner by name":          {Entry{Path: "/a", Type: File, Mode: "0644", Owner: "www-data:www-data"}, "UID:GID"},
		"owner without a group":  {Entry{Path: "/a", Type: File, Mode: "0644", Owner: "33"}, "UID:GID"},
		"owner nobody can be":    {Entry{Path: "/a", Type: File, Mode: "0644", Owner: "4294967295:0"}, "below 4294967295"},
		"tree without a source":  {Entry{Path: "/a", Type: Tree, Mode: "0644"}, "needs a source"},
		"tree without a mode":    {Entry{Path: "/a", Type: Tree, Source: "a"}, "four octal digits"},
		"attributes of nothing":  {Entry{Path: "/a", Type: Attributes}, "neither mode nor owner"},
		"attributes, bad mode":   {Entry{Path: "/a", Type: Attributes, Mode: "755"}, "four octal digits"},
		"directory with drop-in": {Entry{Path: "/a", Type: Directory, Mode: "0755", Dropins: []string{"a"}}, "can't have"},
		"symlink to nothing":     {Entry{Path: "/a", Type: Symlink}, "needs a target"},
		"absolute symlink":       {Entry{Path: "/a", Type: Symlink, Target: "/etc/passwd"}, "relative"},
		"symlink out":            {Entry{Path: "/a/b", Type: Symlink, Target: "../../etc/passwd"}, "leads out"},
		"symlink out, later":     {Entry{Path: "/a", Type: Symlink, Target: "b/../../c"}, "after a name"},
		"symlink by a symlink":   {Entry{Path: "/b", Type: Symlink, Target: "a/up/../x"}, `did you mean "a/x"`},
		"symlink, two lines":     {Entry{Path: "/a", Type: Symlink, Target: "b\n/c\tfile"}, "control characters"},
		"symlink, not UTF-8":     {Entry{Path: "/a", Type: Symlink, Target: "\xff"}, "invalid UTF-8"},
	} {
		t.Run(name, func(t *testing.T) { expect(t, test.entry.check(), test.want) })
	}
}

func TestHeaderCheck(t *testing.T) {
	good := func() Header {
		return Header{Label: "//:image", Name: "foo", Prefixes: []string{"foo"}, UnitDir: "/usr/lib/systemd/system"}
	}
	for name, test := range map[string]struct {
		change func(*Header)
		want   string
	}{
		"good":                  {func(*Header) {}, ""},
		"name with underscore":  {func(h *Header) { h.Name = "foo_1" }, "starts a version"},
		"name with slash":       {func(h *Header) { h.Name = "a/b" }, "portable_name \"a/b\""},
		"name with a plus":      {func(h *Header) { h.Name = "foo+1" }, "portable_name \"foo+1\""},
		"name with a space":     {func(h *Header) { h.Name = "foo bar" }, "portable_name \"foo bar\""},
		"name with a dot first": {func(h *Header) { h.Name = ".foo" }, "no dot at the start"},
		"name with an umlaut":   {func(h *Header) { h.Name = "grüße" }, "letters, digits"},
		"no name":               {func(h *Header) { h.Name = "" }, "letters, digits"},
		"version":               {func(h *Header) { h.Version = "1.0~rc1-2^a" }, ""},
		"version with _":        {func(h *Header) { h.Version = "1_0" }, "starts the architecture"},
		"version with a slash":  {func(h *Header) { h.Version = "1/0" }, "letters, digits"},
		"version with a space":  {func(h *Header) { h.Version = "1 0" }, "letters, digits"},
		"no prefix":             {func(h *Header) { h.Prefixes = nil }, "\"foo\" is missing"},
		"prefix with a space":   {func(h *Header) { h.Prefixes = []string{"foo", "a b"} }, "prefixes: \"a b\""},
		"prefix, underscore":    {func(h *Header) { h.Prefixes = []string{"foo", "under_score"} }, ""},
		"relative unit_dir":     {func(h *Header) { h.UnitDir = "usr/lib" }, "unit_dir"},
	} {
		t.Run(name, func(t *testing.T) {
			h := good()
			test.change(&h)
			expect(t, h.check(), test.want)
		})
	}
}

func TestUnitFiles(t *testing.T) {
	h := &Header{Name: "foo", Prefixes: []string{"foo", "other"}, UnitDir: "/usr/lib/systemd/system"}
	for name, want := range map[string]struct{ unit, attached bool }{
		"/usr/lib/systemd/system/foo.service":     {true, true},
		"/usr/lib/systemd/system/foo-bar.socket":  {true, true},
		"/usr/lib/systemd/system/foo@.service":    {true, true},
		"/usr/lib/systemd/system/foo.bar.timer":   {true, true},
		"/usr/lib/systemd/system/other.path":      {true, true},
		"/usr/lib/systemd/system/foobar.service":  {true, false},
		"/usr/lib/systemd/system/bar.service":     {true, false},
		"/usr/lib/systemd/system/README":          {false, false},
		"/usr/lib/systemd/system/foo.mount":       {false, true},
		"/usr/lib/systemd/system/x.d/bar.service": {false, false},
		"/etc/systemd/system/bar.service":         {false, false},
	} {
		if unit, attached := h.IsUnitFile(name), h.Attaches(path.Base(name)); unit != want.unit || attached != want.attached {
			t.Errorf("%s: unit %t, attached %t, want %+v", name, unit, attached, want)
		}
	}
}

// expect verifies that an error contains a text, or that there is none if the text is empty.
func expect(t *testing.T, err error, want string) {
	t.Helper()
	if got := fmt.Sprint(err); !strings.Contains(got, cmp.Or(want, "<nil>")) {
		t.Errorf("got error %q, want one that says %q", got, want)
	}
}
