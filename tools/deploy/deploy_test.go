package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/deploy/host"
)

// A rig is this machine as a host, with programs that stand in for systemd's: the scripts run
// as they are.
type rig struct {
	t    *testing.T
	root string
	c    config
	o    options
	host runner
	said bytes.Buffer
}

func newRig(t *testing.T, systemd int) *rig {
	t.Helper()
	root := t.TempDir()
	for _, directory := range []string{"bin", "state", "enabled", "profiles/default", "profiles/strict", "portables", "run"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	stubs, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"portablectl": "exec '" + stubs + "/portablectl' \"$@\"", "systemctl": "exec '" + stubs + "/systemctl' \"$@\"",
		"journalctl": "echo a line of the journal", "systemd-analyze": "echo Overall exposure level for it: 2.0 OK", "modprobe": "exit 0",
	} {
		if err := os.WriteFile(filepath.Join(root, "bin", name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(root, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("STUB", root)
	if err := os.WriteFile(filepath.Join(root, "version"), fmt.Appendf(nil, "%d\n", systemd), 0o644); err != nil {
		t.Fatal(err)
	}
	return &rig{
		t: t, root: root, host: &host.Host{},
		c: config{Name: "hello", Prefixes: []string{"hello"}, Enable: true, Keep: 2, Patience: 60, Settle: 1, Directory: filepath.Join(root, "portables"), MinimumSystemd: 247},
		o: options{
			profile: "default", attached: filepath.Join(root, "attached"), profiles: filepath.Join(root, "profiles"),
			locks: filepath.Join(root, "run"), trust: filepath.Join(root, "verity.d"),
		},
	}
}

// image makes an image of some lines: see testdata/portablectl.
func (r *rig) image(name string, lines ...string) map[string]image {
	r.t.Helper()
	super := make([]byte, 96)
	copy(super, "hsqs")
	super[20] = 6
	path := filepath.Join(r.t.TempDir(), name)
	if err := os.WriteFile(path, append(super, []byte("\n"+strings.Join(lines, "\n")+"\n")...), 0o644); err != nil {
		r.t.Fatal(err)
	}
	i, err := openImage(path)
	if err != nil {
		r.t.Fatal(err)
	}
	return map[string]image{"": i}
}

var units = []string{"unit hello.service", "unit hello.socket"}

// do runs a command and returns its result; want is a part of the error, or empty.
func (r *rig) do(name string, images map[string]image, want string) string {
	r.t.Helper()
	r.said.Reset()
	d := &deployment{
		config: r.c, options: r.o, host: r.host, out: &r.said, now: func() time.Time { return time.Unix(1e9, 0) },
		progress: func(format string, args ...any) { fmt.Fprintf(&r.said, format+"\n", args...) },
	}
	result, err := commands[name](r.t.Context(), d, images)
	switch {
	case want == "" && err != nil:
		r.t.Fatalf("%s: %v\n%s", name, err, r.said.String())
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		r.t.Fatalf("%s: got %v, want an error with %q\n%s", name, err, want, r.said.String())
	}
	return result
}

// read returns a file's text, empty if there is none.
func (r *rig) read(name string) string {
	text, err := os.ReadFile(filepath.Join(r.root, name))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func (r *rig) serves(i map[string]image) {
	r.t.Helper()
	if got, want := r.read("attached/hello.service.d/20-portable.conf"), i[""].stored("hello", r.c.Version); !strings.Contains(got, want) {
		r.t.Errorf("attached is %q, want %s", got, want)
	}
	if got := r.read("state/hello.service") + " " + r.read("state/hello.socket"); got != "active active" {
		r.t.Errorf("service and socket are %s", got)
	}
}

// stored are the names of the files in the directory of images.
func (r *rig) stored() (names []string) {
	entries, err := os.ReadDir(r.c.Directory)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// An image's whole life on a host, with and without portablectl reattach.
func TestLife(t *testing.T) {
	for _, systemd := range []int{247, 257} {
		t.Run(fmt.Sprint(systemd), func(t *testing.T) {
			r := newRig(t, systemd)
			one, two, three := r.image("1", units...), r.image("2", append(units, "two")...), r.image("3", append(units, "three")...)
			if got := r.do("attach", one, ""); got != "attached" {
				t.Error(got)
			}
			r.serves(one)
			if r.read("enabled/hello.socket") != "" || !strings.Contains(r.read("log"), "systemctl enable hello.socket") {
				t.Errorf("the socket is not enabled:\n%s", r.read("log"))
			}
			if got := r.do("attach", one, ""); got != "is attached already" {
				t.Error(got)
			}
			r.do("attach", two, "give the command upgrade")
			r.do("upgrade", two, "")
			r.serves(two)
			log := r.read("log")
			if strings.Contains(log, "restart hello.socket") || strings.Contains(log, "stop") {
				t.Errorf("the socket was stopped:\n%s", log)
			}
			if reattached := strings.Contains(log, "reattach"); reattached != (systemd >= 248) {
				t.Errorf("reattached: %v\n%s", reattached, log)
			}
			r.do("upgrade", three, "")
			// The first one is not kept.
			if got, want := len(r.stored()), 3; got != want {
				t.Errorf("%d files, want two images and the history: %q", got, r.stored())
			}
			r.do("rollback", three, "")
			r.serves(two)
			r.do("rollback", three, "the host has no image before")
			status := r.do("status", two, "")
			if !strings.Contains(status, "the build's bytes") || !strings.Contains(r.said.String(), "exposure 2.0 OK") {
				t.Errorf("%s\n%s", status, r.said.String())
			}
			r.do("detach", two, "")
			if r.read("attached/hello.service") != "" || r.read("state/hello.socket") != "" {
				t.Error("something is still attached or active")
			}
			r.do("rollback", two, "no image is attached")
			r.o.purge = true
			r.do("detach", two, "")
			if left := r.stored(); len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// An image whose service does not start leaves the host as it was.
func TestRollsBackByItself(t *testing.T) {
	for _, systemd := range []int{247, 257} {
		t.Run(fmt.Sprint(systemd), func(t *testing.T) {
			r := newRig(t, systemd)
			good, bad := r.image("good", units...), r.image("bad", append(units, "fails")...)
			r.do("attach", bad, "was detached again")
			if left := r.stored(); r.read("attached/hello.service") != "" || len(left) > 1 {
				t.Errorf("left: %q", left)
			}
			r.do("attach", good, "")
			r.do("upgrade", bad, "rolled back to "+good[""].stored("hello", ""))
			r.serves(good)
			if left := r.stored(); len(left) != 2 {
				t.Errorf("left: %q", left)
			}
			r.do("status", good, "")
		})
	}
}

// A service that systemd had to restart before is not unhealthy for that, but one that it restarts while
// somebody looks is.
func TestRestarts(t *testing.T) {
	r := newRig(t, 257)
	r.do("attach", r.image("1", units...), "")
	put := func(name, text string) {
		if err := os.WriteFile(filepath.Join(r.root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("restarts", "7\n")
	two := r.image("2", append(units, "")...)
	r.do("upgrade", two, "")
	r.serves(two)
	put("crashes", "")
	r.do("upgrade", r.image("3", append(units, "", "")...), "does not come up either")
	if !strings.Contains(r.said.String(), "rolling back") || !strings.Contains(r.said.String(), "systemctl restart hello.service") {
		t.Errorf("it says %q", r.said.String())
	}
}

// A unit that a version has no more is stopped and disabled, and a new one started; going
// back restores both. Templates are neither started nor stopped.
func TestOtherUnits(t *testing.T) {
	for _, systemd := range []int{247, 257} {
		t.Run(fmt.Sprint(systemd), func(t *testing.T) {
			r := newRig(t, systemd)
			one := r.image("1", append(units, "unit hello-old.timer", "unit hello-old@.service")...)
			two := r.image("2", append(units, "unit hello-new.timer", "unit hello-new@.service")...)
			bad := r.image("bad", append(units, "unit hello-bad.timer", "unit hello-bad@.service", "fails")...)
			timers := func() string { return r.read("state/hello-old.timer") + "," + r.read("state/hello-new.timer") }
			r.do("attach", bad, "was detached again")
			r.do("attach", one, "")
			if got := timers(); got != "active," {
				t.Error(got)
			}
			r.do("upgrade", bad, "rolled back")
			if _, err := os.Stat(filepath.Join(r.root, "enabled/hello-old.timer")); err != nil || timers() != "active," {
				t.Errorf("%v, %s", err, timers())
			}
			r.serves(one)
			r.do("upgrade", two, "")
			if _, err := os.Stat(filepath.Join(r.root, "enabled/hello-old.timer")); err == nil || timers() != ",active" {
				t.Errorf("%v, %s", err, timers())
			}
			r.serves(two)
			if refused := strings.Contains(r.said.String(), "connections are refused"); refused != (systemd < 248) {
				t.Errorf("it says that connections are refused: %v", refused)
			}
			r.do("detach", two, "")
		})
	}
}

// The health check's URL is asked as the host sees it, and a bad answer undoes the upgrade.
func TestHealthCheck(t *testing.T) {
	status := http.StatusInternalServerError
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer server.Close()
	r := newRig(t, 257)
	one, two := r.image("1", units...), r.image("2", append(units, "two")...)
	r.do("attach", one, "")
	r.c.HealthCheck, r.c.Patience = server.URL, 5
	r.do("upgrade", two, "rolled back")
	if !strings.Contains(r.said.String(), "it answers 500") {
		t.Error(r.said.String())
	}
	r.serves(one)
	status = http.StatusOK
	r.c.Patience = 60
	r.do("upgrade", two, "")
	r.serves(two)
	r.c.HealthCheck, r.c.Patience = "echo not yet; exit 1", 1
	r.do("rollback", two, "not yet")
	r.serves(two)
	r.c.HealthCheck, r.c.Patience = "true", 60
	r.do("rollback", two, "")
	r.serves(one)
}

// cut is a host whose connection ends after some bytes of a copy.
type cut struct {
	*host.Host
	after int
}

func (c *cut) Run(ctx context.Context, s host.Script) error {
	if !strings.Contains(s.Text, "upload") && strings.Contains(s.Text, "Receives an image") {
		line := s.Line
		s.Line = func(key, value string, to io.Writer) error {
			if key != "have" {
				return line(key, value, to)
			}
			if c.after == 0 {
				return line(key, value, to)
			}
			err := line(key, value, &limited{to, c.after})
			c.after = 0
			return errors.Join(err, fmt.Errorf("%w: cut", host.ErrLost))
		}
	}
	return c.Host.Run(ctx, s)
}

type limited struct {
	io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(l.left, len(p))
	l.left -= n
	_, _ = l.Writer.Write(p[:n])
	return len(p), nil
}

// A copy that breaks leaves nothing that could be attached, and goes on where it stopped.
func TestCopyGoesOn(t *testing.T) {
	r := newRig(t, 257)
	one := r.image("1", append(units, "end", strings.Repeat("x", 5<<20))...)
	r.host = &cut{&host.Host{}, 3 << 20}
	r.do("attach", one, "goes on from there")
	if left := r.stored(); len(left) != 1 || !strings.HasPrefix(left[0], ".#") {
		t.Fatalf("left: %q", left)
	}
	var sent counting
	r.host = &counted{&host.Host{}, &sent}
	r.do("attach", one, "")
	r.serves(one)
	if sent.n < 2<<20 || sent.n > 4<<20 {
		t.Errorf("sent %d bytes again", sent.n)
	}
	// What broke is not taken on trust.
	two := r.image("2", append(units, "end", strings.Repeat("y", 5<<20))...)
	part := filepath.Join(r.c.Directory, ".#"+two[""].stored("hello", "")+".part")
	if err := os.WriteFile(part, make([]byte, 3<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	r.do("upgrade", two, "")
	r.serves(two)
}

type counting struct{ n int }

// counted counts what is sent of an image.
type counted struct {
	*host.Host
	sent *counting
}

func (c *counted) Run(ctx context.Context, s host.Script) error {
	line := s.Line
	s.Line = func(key, value string, to io.Writer) error {
		if key == "have" {
			to = io.MultiWriter(to, c)
		}
		return line(key, value, to)
	}
	return c.Host.Run(ctx, s)
}

func (c *counted) Write(p []byte) (int, error) {
	c.sent.n += len(p)
	return len(p), nil
}

// One deployment at a time.
func TestLocked(t *testing.T) {
	r := newRig(t, 257)
	one := r.image("1", units...)
	d := &deployment{config: r.c, options: r.o, host: r.host, progress: func(string, ...any) {}}
	if err := d.locked(t.Context(), func(context.Context) error {
		r.do("attach", one, "locked by")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	r.do("attach", one, "")
}

// All that is wrong with a host is found before anything is changed.
func TestPreflight(t *testing.T) {
	r := newRig(t, 246)
	one := r.image("1", units...)
	for i := range one {
		bad := one[i]
		bad.size = 1 << 60
		one[i] = bad
	}
	r.o.profile = "lax"
	r.do("attach", one, "nothing was changed")
	d := &deployment{config: r.c, options: r.o, host: r.host, progress: func(string, ...any) {}}
	err := d.prepare(t.Context(), one)
	for _, want := range []string{"it has systemd 246", "KiB free", `no profile "lax"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	other := map[string]image{"vax": one[""]}
	r.do("attach", other, "the image is for vax")
	if left := r.stored(); len(left) > 0 || strings.Contains(r.read("log"), "attach") {
		t.Errorf("left: %q\n%s", left, r.read("log"))
	}
	if err := os.Remove(filepath.Join(r.root, "bin/portablectl")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", filepath.Join(r.root, "bin")+":/usr/bin:/bin")
	if _, err := os.Stat("/usr/bin/portablectl"); err != nil {
		r.do("attach", one, "systemd-portabled is not installed")
	}
}

// An image that the host can't read changes nothing, though it was copied.
func TestUnreadable(t *testing.T) {
	r := newRig(t, 257)
	one := r.image("1", units...)
	r.do("attach", one, "")
	r.c.Version = "broken"
	r.do("upgrade", r.image("2", append(units, "two")...), "Failed to mount")
	r.c.Version = ""
	r.serves(one)
}

// --dry-run prints what would run, and changes nothing.
func TestDryRun(t *testing.T) {
	r := newRig(t, 257)
	r.o.dryRun = true
	r.do("attach", r.image("1", units...), "")
	for _, want := range []string{"# copy the image on this machine", "# attach on this machine", "sh -c", "portablectl --no-pager", "prefixes=hello"} {
		if !strings.Contains(r.said.String(), want) {
			t.Errorf("%q is not printed", want)
		}
	}
	if left := r.stored(); len(left) > 0 || strings.Contains(r.read("log"), "attach") {
		t.Errorf("left: %q\n%s", left, r.read("log"))
	}
}

// A certificate is installed where that is asked for, and a key never.
func TestCertificate(t *testing.T) {
	r := newRig(t, 257)
	r.do("attach", r.image("1", units...), "")
	if _, err := os.Stat(r.o.trust); err == nil {
		t.Error("something was installed without being asked for")
	}
	_, certificate := certified(t)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	r.o.certificate = filepath.Join(t.TempDir(), "certificate.pem")
	if err := os.WriteFile(r.o.certificate, text, 0o644); err != nil {
		t.Fatal(err)
	}
	r.do("upgrade", r.image("2", append(units, "two")...), "")
	if got := r.read("verity.d/hello.crt"); got != strings.TrimSpace(string(text)) {
		t.Errorf("installed is %q", got)
	}
	if err := os.RemoveAll(r.o.trust); err != nil {
		t.Fatal(err)
	}
	r.o.certificate = filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(r.o.certificate, []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.do("upgrade", r.image("3", append(units, "three")...), "not one certificate")
	if _, err := os.Stat(r.o.trust); err == nil {
		t.Error("something was installed")
	}
}

// A name of a host is no option of ssh.
func TestHostNames(t *testing.T) {
	for _, name := range []string{"-oProxyCommand=touch /tmp/x", "a b", "a'b"} {
		if _, err := host.New(name, false, t.TempDir(), func(string) {}); err == nil {
			t.Errorf("%q is taken", name)
		}
	}
}

// refusing is a host that fails.
type refusing struct{ name string }

func (r refusing) Name() string       { return r.name }
func (r refusing) Words(int) []string { return nil }
func (r refusing) Run(context.Context, host.Script) error {
	return fmt.Errorf("%w: refused", host.ErrLost)
}
func (r refusing) Dial(context.Context, string, string) (net.Conn, error) { return nil, host.ErrLost }

// After too many failures no further host is begun, and all are in the summary.
func TestFleet(t *testing.T) {
	hosts := []runner{refusing{"a"}, refusing{"b"}, refusing{"c"}, refusing{"d"}}
	outcomes := each(hosts, options{parallel: 1, failures: 2}, func(h runner, n int) (string, []byte, error) {
		if n == 0 {
			return "attached", nil, nil
		}
		return "", nil, h.Run(t.Context(), host.Script{})
	})
	var out, errOut bytes.Buffer
	err := summarize(&out, &errOut, outcomes)
	if err == nil || err.Error() != "3 of 4 hosts failed" {
		t.Error(err)
	}
	for _, want := range []string{"a  ", "attached", "d  ", "not begun"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the summary:\n%s", want, out.String())
		}
	}
	if strings.Count(errOut.String(), "refused") != 2 {
		t.Error(errOut.String())
	}
}

func TestParse(t *testing.T) {
	for words, want := range map[string]string{
		"":                         "unknown command",
		"attach upgrade":           "two commands",
		"attach --parallel=0":      "--parallel",
		"attach --host=a --host=a": "twice",
		"--host=a status":          "",
		"status --host=a":          "",
	} {
		_, err := parse(strings.Fields(words), config{Profile: "default"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", words, err, want)
		}
	}
}
