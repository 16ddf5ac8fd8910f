package spec

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/unitfile"
)

func TestMountPointsOfAService(t *testing.T) {
	for text, want := range map[string]string{
		"StateDirectory=foo":                           "directory /var/lib/foo",
		"StateDirectory=foo bar/baz":                   "directory /var/lib/foo, directory /var/lib/bar/baz",
		"StateDirectory=foo:link":                      "directory /var/lib/foo, symlink /var/lib/link -> foo",
		"StateDirectory=foo:sub/link:ro":               "directory /var/lib/foo, symlink /var/lib/sub/link -> ../foo",
		"CacheDirectory=foo":                           "directory /var/cache/foo",
		"LogsDirectory=foo":                            "directory /var/log/foo",
		"ConfigurationDirectory=foo":                   "directory /etc/foo",
		"RuntimeDirectory=foo":                         "",
		"StateDirectory=":                              "",
		"StateDirectory=../up":                         "",
		"BindPaths=/srv":                               "directory /srv",
		"BindPaths=/srv:/data:rbind":                   "directory /data",
		"BindReadOnlyPaths=-/etc/ssl/certs":            "directory /etc/ssl/certs",
		"BindReadOnlyPaths=/etc/hosts /etc/passwd":     "file /etc/hosts, file /etc/passwd",
		"BindReadOnlyPaths=/etc/hosts:/etc/app/hosts":  "file /etc/app/hosts",
		"BindReadOnlyPaths=/etc/ssl/certs/my.crt:/ca":  "file /ca",
		"BindPaths=/srv/app.sock:/srv/sock":            "file /srv/sock",
		`BindPaths="/srv/a b:/data/a b"`:               "directory /data/a b",
		"BindPaths=/srv:/run/app /tmp/x /dev/log /var": "directory /var",
		"BindPaths=/proc/self /sys/fs /var/tmp/x /":    "",
		"BindPaths=relative":                           "",
		"TemporaryFileSystem=/var:ro /scratch":         "directory /var, directory /scratch",
		"MountImages=/srv/a.raw:/opt/a":                "directory /opt/a",
		"MountImages=/srv/a.raw":                       "",
		"StateDirectory=%p %N":                         "directory /var/lib/foo, directory /var/lib/foo",
		"BindPaths=%S/other:%E/%n":                     "directory /etc/foo.service",
		"BindPaths=/srv:%t/x":                          "",
		"BindPaths=/srv/%i:/data /srv/%H:/b /srv/%H":   "directory /data, directory /b",
		"StateDirectory=100%%":                         "directory /var/lib/100%",
		"StateDirectory=half% %i":                      "directory /var/lib/half%",
		"Environment=StateDirectory=foo":               "",
		`BindReadOnlyPaths=/srv/a\:b:/srv/c\:d`:        "directory /srv/c:d",
		`StateDirectory=foo\x2dstate`:                  "directory /var/lib/foo-state",
		"StateDirectory=/var/lib/foo":                  "",
		"StateDirectory=%P\nBindPaths=/srv:/mnt/%J":    "directory /var/lib/foo, directory /mnt/foo",
		"Environment=A=C:\\\\\nStateDirectory=foo":     "directory /var/lib/foo",
		"StateDirectory=a \\\n  b":                     "directory /var/lib/a, directory /var/lib/b",
	} {
		got, _ := MountPoints("foo.service", unitfile.Parse([]byte("[Service]\n"+text+"\n")).Assignments)
		var all []string
		for _, e := range got {
			line := string(e.Type) + " " + e.Path
			if e.Target != "" {
				line += " -> " + e.Target
			}
			all = append(all, line)
			if err := e.check(); err != nil || !e.Added || !strings.HasSuffix(e.Origin, " in foo.service") {
				t.Errorf("%s: %+v, %v", text, e, err)
			}
		}
		if strings.Join(all, ", ") != want {
			t.Errorf("%s: got %q, want %q", text, all, want)
		}
	}
}

// A dash in a unit's name stands for a slash, where a specifier undoes that.
func TestMountPointsOfUnescapedNames(t *testing.T) {
	got, unknown := MountPoints("foo-web.service", unitfile.Parse([]byte("[Service]\nStateDirectory=%P\nBindPaths=/srv:/mnt/%J\n")).Assignments)
	if len(unknown) != 0 || len(got) != 2 || got[0].Path != "/var/lib/foo/web" || got[1].Path != "/mnt/web" {
		t.Errorf("got %+v, unknown %+v", got, unknown)
	}
}

// An instance's name is known on the host only. That is no matter where it is not part
// of the mount point, and where the host makes that.
func TestUnknownMountPoints(t *testing.T) {
	for text, want := range map[string]string{
		"StateDirectory=%i %p/%N":          "/var/lib/%i /var/lib/foo/%N",
		"LogsDirectory=foo:link-%i":        "/var/log/link-%i",
		"CacheDirectory=%i:link":           "/var/cache/%i /var/cache/link",
		"BindPaths=/srv/%i -/srv/%H:/data": "/srv/%i",
		"BindReadOnlyPaths=%D/a":           "%D/a",
		"TemporaryFileSystem=/srv/%i:ro":   "/srv/%i",
		"MountImages=/srv/%i.raw:/opt/%i":  "/opt/%i",
		"BindPaths=/srv/%i:%t/%i /tmp/%i":  "",
		"BindPaths=srv/%i":                 "",
		"RuntimeDirectory=%i":              "",
	} {
		_, unknown := MountPoints("foo@.service", unitfile.Parse([]byte("[Service]\n"+text+"\n")).Assignments)
		var all []string
		for _, e := range unknown {
			all = append(all, e.Path)
		}
		if got := strings.Join(all, " "); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
	got, unknown := MountPoints("foo.service", unitfile.Parse([]byte("[Install]\nStateDirectory=foo %H\n")).Assignments)
	if len(got) > 0 || len(unknown) > 0 {
		t.Errorf("another section: %v, %v", got, unknown)
	}
	got, unknown = MountPoints("foo@.service", unitfile.Parse([]byte("[Service]\nBindPaths=%h/a\n")).Assignments)
	if len(got) != 1 || got[0].Path != "/root/a" || len(unknown) > 0 {
		t.Errorf("root's home: %v, %v", got, unknown)
	}
	got, _ = MountPoints("foo-a@.service", unitfile.Parse([]byte("[Service]\nStateDirectory=%p/%j\n")).Assignments)
	if len(got) != 1 || got[0].Path != "/var/lib/foo-a/a" {
		t.Errorf("%v", got)
	}
}

var testSpec = Spec{Header: Header{Name: "foo", Prefixes: []string{"foo"}, UnitDir: "/units"}}

func TestMountPointsHaveReasons(t *testing.T) {
	dir := t.TempDir()
	unit := func(name, text string) *Entry {
		source := filepath.Join(dir, name)
		if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return &Entry{Path: "/units/" + name, Type: File, Source: source, Origin: "units in //:image"}
	}
	got, err := testSpec.mountPoints([]*Entry{
		unit("foo.service", "[Service]\nStateDirectory=foo\n"),
		unit("foo.socket", "[Socket]\nStateDirectory=ignored\n"),
		unit("foo-b.service", "[Service]\nStateDirectory=foo\nDynamicUser=yes\n"),
		{Path: "/units/foo-c.service", Type: File},
	})
	if err != nil {
		t.Fatal(err)
	}
	var reasons []string
	for _, e := range got {
		if e.Path == "/var/lib/foo" {
			reasons = append(reasons, e.Origin)
		}
	}
	if want := []string{"StateDirectory=foo in foo.service", "StateDirectory=foo in foo-b.service"}; !slices.Equal(reasons, want) {
		t.Errorf("got %q, want %q", reasons, want)
	}
	if len(got) != len(alwaysMounted)+len(defaults(nil))+2 {
		t.Errorf("%d mount points", len(got))
	}
	got, err = testSpec.mountPoints([]*Entry{unit("foo-bad.service", "[Service]\nStateDirectory=before\nno assignment\nStateDirectory=after\n")})
	if err != nil || len(got) != len(alwaysMounted)+len(defaults(nil))+2 {
		t.Errorf("a line that is no assignment: %v, %v", got, err)
	}
	_, err = testSpec.mountPoints([]*Entry{{Path: "/units/foo.service", Type: File, Source: filepath.Join(dir, "missing"), Origin: "units in //:image"}})
	expect(t, err, "(from units in //:image)")
}

// An image gets the paths that programs expect, unless it declares the path itself or one
// below it.
func TestDefaults(t *testing.T) {
	for declared, want := range map[string]string{
		"": "/etc/hosts file, /var/run symlink ../run",
		`{"path":"/etc/hosts","type":"file","mode":"0600"}`:              "/etc/hosts file 0600, /var/run symlink ../run",
		`{"path":"/etc/hosts","type":"symlink","target":"../run/hosts"}`: "/etc/hosts symlink ../run/hosts, /var/run symlink ../run",
		`{"path":"/etc/hosts","type":"attributes","mode":"0400"}`:        "/etc/hosts file 0400, /var/run symlink ../run",
		`{"path":"/var/run","type":"directory","mode":"0755"}`:           "/etc/hosts file, /var/run directory",
		`{"path":"/var/run","type":"symlink","target":"lib/run"}`:        "/etc/hosts file, /var/run symlink lib/run",
		`{"path":"/var/run/app","type":"directory","mode":"0755"}`:       "/etc/hosts file, /var/run directory",
	} {
		s, err := readLines(t, testHeader, declared)
		if err != nil {
			t.Errorf("%s: %v", declared, err)
			continue
		}
		hosts, run := s.Find("/etc/hosts"), s.Find("/var/run")
		got := fmt.Sprintf("%s %s", hosts.Path, hosts.Type)
		if hosts.Target != "" {
			got += " " + hosts.Target
		}
		if hosts.Mode != "0644" && hosts.Mode != "" {
			got += " " + hosts.Mode
		}
		if got += fmt.Sprintf(", %s %s", run.Path, run.Type); run.Target != "" {
			got += " " + run.Target
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", declared, got, want)
		}
		if hosts.Added && hosts.Content != "127.0.0.1 localhost\n::1 localhost\n" {
			t.Errorf("%s: /etc/hosts is %q", declared, hosts.Content)
		}
	}
}

// A mount point is where the image's symlinks lead, as systemd follows them.
func TestMountPointsBehindSymlinks(t *testing.T) {
	source := filepath.Join(t.TempDir(), "foo.service")
	text := "[Service]\nBindPaths=/var/run/engine.sock /data/x:/data/x\nStateDirectory=foo\nBindReadOnlyPaths=-/etc/hosts\n"
	if err := os.WriteFile(source, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := readLines(t, testHeader,
		fmt.Sprintf(`{"path":"/usr/lib/systemd/system/foo.service","type":"file","mode":"0644","source":%q}`, source),
		`{"path":"/data","type":"symlink","target":"srv/data"}`, `{"path":"/var/lib/foo","type":"symlink","target":"../../srv/foo"}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Type{"/srv/data/x": Directory, "/srv/foo": Directory, "/var/lib/foo": Symlink, "/data": Symlink, "/var/run": Symlink, "/run/engine.sock": "", "/etc/hosts": File} {
		e := s.Find(name)
		if e == nil {
			e = &Entry{}
		}
		if e.Type != want {
			t.Errorf("%s is a %q, want a %q", name, e.Type, want)
		}
	}
	if hosts := s.Find("/etc/hosts"); hosts.Content == "" {
		t.Error("/etc/hosts is empty where the host has none")
	}
}

// Paths that units name are checked like all other paths of the image.
func TestMountPointsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"BindPaths=\"/srv/a\tb\"":                               `BindPaths="/srv/a\tb" in foo.service: "/srv/a\tb": the path has control characters`,
		"StateDirectory=\"a\tb\"":                               "control characters",
		"BindPaths=/" + strings.Repeat("x", nameMax+1):          "longer than squashfs's",
		"StateDirectory=a:" + strings.Repeat("x", nameMax+1):    "longer than squashfs's",
		"StateDirectory=" + strings.Repeat("x", nameMax) + " a": "",
	} {
		source := filepath.Join(t.TempDir(), "foo.service")
		if err := os.WriteFile(source, []byte("[Service]\n"+text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := testSpec.mountPoints([]*Entry{{Path: "/units/foo.service", Type: File, Source: source, Origin: "units in //:image"}})
		expect(t, err, want)
		if err != nil {
			expect(t, err, "(from units in //:image)")
		}
	}
	// The source of a bind mount is the host's: it may have any name, but is shown.
	got, _ := MountPoints("foo.service", unitfile.Parse([]byte("[Service]\nBindPaths=\"/srv/a\tb:/data\"\n")).Assignments)
	if len(got) != 1 || got[0].Path != "/data" || got[0].Origin != `BindPaths="/srv/a\tb:/data" in foo.service` {
		t.Errorf("got %+v", got[0])
	}
}
