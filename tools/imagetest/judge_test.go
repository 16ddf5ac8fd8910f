package main

import (
	"slices"
	"strings"
	"testing"
)

const manifest = manifestColumns + `
/etc	directory	0755	0:0	-	-	added: parent directory
/etc/app.conf	symlink	-	0:0	-	app/app.conf	//app:link
/etc/app/app.conf	file	0640	0:33	14	68ec	//app:conf
/usr/bin/app	file	0755	0:0	4000000	1234	binary in //:image
`

func image(t *testing.T) []entry {
	t.Helper()
	image, err := parse(manifest)
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func TestJudge(t *testing.T) {
	for name, test := range map[string]struct {
		e    expectations
		want []string
	}{
		"nothing is expected": {expectations{}, nil},
		"all is there":        {expectations{Contains: []string{"/usr/bin/app", "/etc/*.conf", "/etc/app/"}, Absent: []string{"/usr/bin/sh", "/usr/lib/"}, MaxSize: 4000000}, nil},
		"another directory": {
			expectations{Contains: []string{"/usr/sbin/app"}},
			[]string{"//:t: the image does not have /usr/sbin/app; it has /usr/bin/app"},
		},
		"nothing like it":   {expectations{Contains: []string{"/usr/share/x"}}, []string{"//:t: the image does not have /usr/share/x"}},
		"a file too many":   {expectations{Absent: []string{"/etc/app/"}}, []string{"//:t: the image has /etc/app/app.conf, which matches /etc/app/ in absent"}},
		"just large enough": {expectations{MaxSize: 4000000}, nil},
		"a byte too large":  {expectations{MaxSize: 3999999}, []string{"//:t: the image has 4000000 bytes, 1 more than max_size = 3999999; --output_groups=manifest lists its files with their sizes"}},
	} {
		t.Run(name, func(t *testing.T) {
			test.e.Label = "//:t"
			got, err := test.e.judge(image(t), 4000000)
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func TestBadAttributes(t *testing.T) {
	for _, e := range []expectations{{Contains: []string{"["}}, {Absent: []string{"[a"}}} {
		if got, err := e.judge(image(t), 1); err == nil {
			t.Errorf("%+v: got %q, want an error", e, got)
		}
	}
	for _, text := range []string{"", "# other\tcolumns\n", manifestColumns + "\n/etc\tdirectory\n"} {
		if got, err := parse(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}

func TestGolden(t *testing.T) {
	e := expectations{Label: "//:t", Source: "app/image.golden"}
	all := image(t)
	if got := e.compare(golden(all), all); got != nil {
		t.Errorf("an image differs from itself: %q", got)
	}
	want := strings.TrimPrefix(`
# A comment.
directory 0755 0:0 /etc
file      0644 0:33 /etc/app/app.conf
symlink   -    0:0 /etc/app.conf -> app/app.conf
file      0644 0:0 /etc/gone
`, "\n")
	got := strings.Join(e.compare(want, all), "\n")
	if diff := `//:t: the image is not what the golden file says
--- app/image.golden
+++ the image
-file      0644 0:33 /etc/app/app.conf
+file      0640 0:33 /etc/app/app.conf
-file      0644 0:0 /etc/gone
+file      0755 0:0 /usr/bin/app
fix: if the image is right, bazel run //:t -- -update`; got != diff {
		t.Errorf("got\n%s\nwant\n%s", got, diff)
	}
	if got := strings.Join(e.compare("no path\n", all), "\n"); !strings.Contains(got, `line "no path" has no path`) {
		t.Errorf("got %q", got)
	}
}
