package walkthrough

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// A realService is another project's, as //tools/vm/realservices has it.
type realService struct {
	name string
	// packaged is what the journal says of the service as Debian packages it, where it
	// does not work; empty where it does.
	packaged string
	// errors are the checks' errors that packaged shows to be true.
	errors []string
	// reload is a command that the image lacks (exec-missing); with it, systemctl reload
	// fails.
	reload bool
	// answers sends a request to the service.
	answers func() error
}

const (
	// http2 is how a client starts: preface and an empty SETTINGS frame (RFC 9113, 3.4).
	http2 = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"

	missing  = "exec-missing"
	onHost   = "packed-for-the-host"
	noFile   = "Failed to load environment files"
	unmet    = "unmet condition check"
	notFound = "No such file or directory"
)

var realServices = []realService{
	{name: "caddy", packaged: "define environment variable HOME", answers: get(8080, "/", "200 OK")},
	{name: "dnss", packaged: "Need to set one of the following", errors: []string{onHost}, answers: get(9981, "/", "200 OK")},
	{name: "docker-registry", answers: get(5000, "/v2/", "401 Unauthorized")},
	{name: "etcd", packaged: "read-only file system", answers: get(2379, "/health", "200 OK")},
	{name: "gobgpd", packaged: unmet, errors: []string{onHost}, answers: exchange(50051, http2, "\x00\x00\x06\x04")},
	{name: "memcached", packaged: "status=203/EXEC", errors: []string{"script-interpreter"}, answers: exchange(11211, "version\r\n", "VERSION ")},
	{name: "mosquitto", packaged: "Unable to locate executable '/bin/mkdir'", errors: []string{missing}, answers: exchange(1883, "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a", "\x20\x02")},
	{name: "nats-server", reload: true, answers: exchange(4222, "", "INFO {")},
	{name: "ngircd", packaged: "Could not get user/group ID", reload: true, answers: exchange(6667, "NICK a\r\nUSER a 0 * :a\r\n", ":")},
	{name: "ntfy", packaged: "/home: " + notFound, errors: []string{"path-missing"}, reload: true, answers: get(2586, "/v1/health", "200 OK")},
	{name: "prometheus-blackbox-exporter", packaged: noFile, errors: []string{onHost}, reload: true, answers: get(9115, "/metrics", "200 OK")},
	{name: "prometheus-node-exporter", packaged: noFile, errors: []string{onHost}, reload: true, answers: get(9100, "/", "200 OK")},
	{name: "prometheus-pushgateway", packaged: noFile, errors: []string{onHost}, reload: true, answers: get(9091, "/-/healthy", "200 OK")},
	{name: "tinyproxy", packaged: "Could not create file", reload: true, answers: exchange(8888, "GET / HTTP/1.1\r\n\r\n", "HTTP/1.")},
	{name: "valkey-server", packaged: "status=1/FAILURE", answers: exchange(6379, "PING\r\n", "+PONG")},
	{name: "webhook", packaged: unmet, errors: []string{onHost}, answers: get(9000, "/hooks/hello", "200 OK")},
}

func (s realService) unit() string { return s.name + ".service" }

// said is what the journal has of the service since it was attached last.
func (s realService) said(t *testing.T, since string) string {
	t.Helper()
	out, err := exec.Command("journalctl", "--no-pager", "--output=cat", "--after-cursor="+since, "--unit="+s.unit()).Output()
	must(t, err)
	return string(out)
}

// TestServicesTable verifies that the table above has each error of the build, and no other.
func TestServicesTable(t *testing.T) {
	golden := servicesGolden(t)
	var want, got []string
	for line := range strings.Lines(golden) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[1] == "error" {
			want = append(want, fields[0]+" "+fields[2])
		}
	}
	for _, s := range realServices {
		for _, id := range s.errors {
			got = append(got, s.name+" "+id)
		}
		if s.reload {
			got = append(got, s.name+" "+missing)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("this test shows the errors\n%s\nand the build finds\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func servicesGolden(t *testing.T) string {
	t.Helper()
	golden, err := os.ReadFile(guest.Files + "/findings.golden")
	if err != nil {
		t.Skip("not among this test's files")
	}
	return string(golden)
}

// TestServicesPackaged shows that the checks' errors are true: services fail, or are
// skipped, as Debian packages them.
func TestServicesPackaged(t *testing.T) {
	servicesGolden(t)
	since := attachServices(t, "packaged")
	for _, s := range realServices {
		t.Run(s.name, func(t *testing.T) {
			if s.packaged == "" {
				eventually(t, s.name+" answers", func() bool { return s.answers() == nil })
			} else {
				eventually(t, fmt.Sprintf("%s says %q", s.name, s.packaged), func() bool { return strings.Contains(s.said(t, since), s.packaged) })
				if err := s.answers(); err == nil {
					t.Error("it answers all the same")
				}
			}
			// So that it takes no more of the processor.
			run(t, "systemctl", "stop", s.unit())
			if t.Failed() {
				t.Log(s.said(t, since))
			}
		})
	}
}

// TestServicesFixed shows that the checks' fixes suffice: each service answers, and at its
// first start.
func TestServicesFixed(t *testing.T) {
	servicesGolden(t)
	since := attachServices(t, "fixed")
	for _, s := range realServices {
		t.Run(s.name, func(t *testing.T) {
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(s.said(t, since))
				}
			})
			var err error
			eventually(t, s.name+" answers", func() bool {
				err = s.answers()
				return err == nil || show(t, s.unit(), "NRestarts")["NRestarts"] != "0"
			})
			if err != nil {
				t.Fatal(err)
			}
			expect(t, s.unit(), "NRestarts", "0")
		})
	}
	t.Run("reload", func(t *testing.T) {
		for _, s := range realServices {
			if s.reload {
				// What the fix has removed.
				dropIn(t, s.unit(), "[Service]\nExecReload=/bin/kill -HUP $MAINPID\n")
			}
		}
		run(t, "systemctl", "daemon-reload")
		for _, s := range realServices {
			if s.reload {
				refused(t, "failed", "systemctl", "reload", s.unit())
				if want := "Unable to locate executable '/bin/kill'"; !strings.Contains(s.said(t, since), want) {
					t.Errorf("%s does not say %q: %s", s.name, want, s.said(t, since))
				}
			}
		}
	})
	t.Run("read-only-path", func(t *testing.T) {
		// As in Debian's unit.
		settings(t, "valkey-server.service", "[Service]\nReadWriteDirectories=/etc/valkey\n")
		run(t, "systemctl", "restart", "valkey-server.service")
		if err := exchange(6379, "CONFIG REWRITE\r\n", "-ERR Rewriting config file: Read-only file system")(); err != nil {
			t.Error(err)
		}
	})
}

// attachServices attaches the images of a directory and starts their services, until the
// test ends. It returns the journal's cursor from before that.
func attachServices(t *testing.T, directory string) (since string) {
	t.Helper()
	cursor := run(t, "journalctl", "--lines=0", "--show-cursor")
	since = strings.TrimPrefix(cursor[len(cursor)-1], "-- cursor: ")
	images, err := filepath.Glob(filepath.Join(guest.Files, directory, "*.raw"))
	must(t, err)
	if len(images) != len(realServices) {
		t.Fatalf("%d images for %d services: %v", len(images), len(realServices), images)
	}
	t.Cleanup(func() {
		for _, s := range realServices {
			_ = exec.Command("systemctl", "kill", "--signal=KILL", s.unit()).Run()
		}
		_ = exec.Command("systemctl", append([]string{"stop", "dnss.socket"}, serviceUnits()...)...).Run()
		for _, image := range images {
			// By its path: of a bare name, systemd 257 detaches all images that are not running.
			run(t, "portablectl", "detach", "--no-reload", image)
		}
		run(t, "systemctl", "daemon-reload")
		_ = exec.Command("systemctl", "reset-failed").Run()
		nothingLeft(t)
	})
	for _, image := range images {
		run(t, "portablectl", "attach", "--no-reload", image)
	}
	run(t, "systemctl", "daemon-reload")
	run(t, append([]string{"systemctl", "start", "--no-block"}, serviceUnits()...)...)
	return since
}

func serviceUnits() (units []string) {
	for _, s := range realServices {
		units = append(units, s.unit())
	}
	return units
}

// exchange returns a function that sends a request to a port of this machine and wants an
// answer that starts with a text.
func exchange(port int, request, starts string) func() error {
	return func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			return err
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		if _, err := io.WriteString(conn, request); err != nil {
			return err
		}
		answer := make([]byte, len(starts))
		if n, err := io.ReadFull(conn, answer); err != nil || string(answer) != starts {
			return fmt.Errorf("port %d answers %q, and not %q: %w", port, answer[:n], starts, err)
		}
		return nil
	}
}

// get is exchange for HTTP: it wants a status.
func get(port int, path, status string) func() error {
	return exchange(port, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "HTTP/1.1 "+status)
}

// TestServicesNeeds shows that the examples of bzl/docs/services.md work: each service gets
// what it needs.
func TestServicesNeeds(t *testing.T) {
	const image, token = guest.Files + "/needs.raw", "/etc/needs.token"
	if _, err := os.Stat(image); err != nil {
		t.Skip("not among this test's files")
	}
	roots, err := os.ReadFile(guest.Files + "/roots.pem")
	must(t, err)
	must(t, os.MkdirAll("/etc/ssl/certs", 0o755))
	must(t, os.WriteFile("/etc/ssl/certs/ca-certificates.crt", roots, 0o644))
	must(t, os.WriteFile(token, []byte("secret"), 0o600))
	logged(t)
	run(t, "portablectl", "attach", image)
	t.Cleanup(func() {
		run(t, "systemctl", "stop", "needs-port.socket", "needs-port.service")
		run(t, "portablectl", "detach", "needs")
		nothingLeft(t)
	})
	units, err := filepath.Glob("/etc/systemd/system.attached/needs-*.service")
	must(t, err)
	if len(units) < 10 {
		t.Fatalf("only %d services are attached: %v", len(units), units)
	}
	for _, unit := range units {
		unit := filepath.Base(unit)
		t.Run(unit, func(t *testing.T) {
			if unit == "needs-port.service" {
				run(t, "systemctl", "start", "needs-port.socket")
				if err := get(81, "/", "404 Not Found")(); err != nil {
					t.Error(err)
				}
			} else if said, err := start(unit); err != nil {
				t.Errorf("%v: %s", err, said)
			}
			if t.Failed() {
				t.Log(logged(t))
			}
		})
	}
	// The negative control: a service that does not get what it needs fails.
	must(t, os.Remove(token))
	refused(t, "failed", "systemctl", "start", "needs-secret.service")
}
