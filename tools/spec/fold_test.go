package spec

import "testing"

func TestFold(t *testing.T) {
	directory := func(mode, origin string, added bool) *Entry {
		return &Entry{Path: "/p", Type: Directory, Mode: mode, Origin: origin, Added: added}
	}
	file := &Entry{Path: "/p", Type: File, Mode: "0644", Origin: "files in //:a"}
	from := func(source string) *Entry {
		return &Entry{Path: "/p", Type: File, Mode: "0644", Source: source, Origin: "files in //:a"}
	}
	link := &Entry{Path: "/p", Type: Symlink, Target: "q", Origin: "symlinks in //:a"}
	guess := &Entry{Path: "/p", Type: Directory, Mode: "0755", Origin: "BindPaths=/p", Added: true, anyType: true}
	mode := &Entry{Path: "/p", Type: Attributes, Mode: "0700", Origin: "modes in //:a"}
	owner := &Entry{Path: "/p", Type: Attributes, Owner: "1:2", Origin: "owners in //:a"}
	for name, test := range map[string]struct {
		group []*Entry
		want  string // "type mode owner origin"
		fails string
	}{
		"alone":                      {[]*Entry{file}, "file 0644  files in //:a", ""},
		"declared beats added":       {[]*Entry{directory("1777", "t", true), directory("0700", "d", false)}, "directory 0700  d", ""},
		"two reasons":                {[]*Entry{directory("0755", "a", true), directory("1777", "b", true)}, "directory 1777  a; b", ""},
		"one reason twice":           {[]*Entry{directory("0755", "a", true), directory("0755", "a", true)}, "directory 0755  a", ""},
		"mode and owner":             {[]*Entry{mode, file, owner}, "file 0700 1:2 files in //:a", ""},
		"mode of what is added":      {[]*Entry{mode, directory("1777", "t", true)}, "directory 0700  t", ""},
		"owner of a symlink":         {[]*Entry{link, owner}, "symlink  1:2 symlinks in //:a", ""},
		"a guess gives way":          {[]*Entry{guess, file}, "file 0644  files in //:a", ""},
		"a guess gives way to added": {[]*Entry{guess, {Path: "/p", Type: File, Mode: "0644", Origin: "b", Added: true}}, "file 0644  b; BindPaths=/p", ""},
		"a symlink to mount over":    {[]*Entry{link, directory("0755", "t", true)}, "symlink   symlinks in //:a", ""},

		"twice":             {[]*Entry{file, link}, "", `"/p": declared twice, by files in //:a and by symlinks in //:a; leave one of them out`},
		"twice from one":    {[]*Entry{file, file}, "", `"/p": declared twice, by files in //:a; leave one of them out`},
		"twice from two":    {[]*Entry{from("one"), from("two")}, "", `by files in //:a: from "one" and "two"; if both come from one label, add a slash to the end of the path to make it a directory for them; otherwise leave one of them out`},
		"file, not to be":   {[]*Entry{file, directory("0755", "StateDirectory=p in a.service", true)}, "", `declared as a file (by files in //:a), but it must be a directory (StateDirectory=p in a.service)`},
		"added as both":     {[]*Entry{directory("0755", "a", true), {Path: "/p", Type: Symlink, Target: "q", Origin: "b", Added: true}}, "", "it must be a directory (a) and a symlink (b)"},
		"mode of nothing":   {[]*Entry{mode}, "", `modes in //:a is for a path that nothing declares`},
		"mode of a symlink": {[]*Entry{mode, link}, "", "no mode of its own"},
		"two modes":         {[]*Entry{mode, file, mode}, "", "its mode is set twice"},
		"two owners":        {[]*Entry{owner, file, owner}, "", "its owner is set twice"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fold(test.group)
			expect(t, err, test.fails)
			if err != nil {
				return
			}
			if text := string(got.Type) + " " + got.Mode + " " + got.Owner + " " + got.Origin; text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}
