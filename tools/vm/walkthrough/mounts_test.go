package walkthrough

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// TestMounts attaches an image that declares no mount point. mkportable adds those that
// systemd mounts over: with one missing, the service would end with
// status=226/NAMESPACE. The image's drop-in has its effect, and the version in the
// file's name is no part of the portable name.
func TestMounts(t *testing.T) {
	needs(t, 250, "does not know StateDirectory=NAME:SYMLINK")
	must(t, os.MkdirAll("/srv/mounts", 0o755))
	must(t, os.WriteFile("/srv/mounts/file", []byte("hello"), 0o644))
	must(t, os.WriteFile("/run/mounts.sock", []byte("a socket"), 0o644))
	// Without the host's file the image's own tells what localhost is.
	must(t, os.Rename("/etc/hosts", "/etc/hosts.away"))
	t.Cleanup(func() { must(t, os.Rename("/etc/hosts.away", "/etc/hosts")) })
	const unit, image = "mounts.service", guest.Files + "/mounts_1.0.raw"
	run(t, "portablectl", "attach", image)
	t.Cleanup(func() {
		// systemd 252 would not find it as "mounts".
		run(t, "portablectl", "detach", image)
		nothingLeft(t)
	})
	expect(t, unit, "Nice", "5")
	run(t, "systemctl", "start", unit)
	report, err := os.ReadFile("/var/lib/private/mounts/report")
	must(t, err)
	for _, want := range []string{
		"localhost: 127.0.0.1 ::1\n", "/srv/pool/file: 5 bytes\n", "/var/run/mounts.sock: 8 bytes\n", "/etc/ssl/certs/ca-certificates.crt: 5 bytes\n",
		"STATE_DIRECTORY: /var/lib/mounts\n", "CACHE_DIRECTORY: /var/cache/mounts/pages\n",
		"LOGS_DIRECTORY: /var/log/mounts\n", "CONFIGURATION_DIRECTORY: /etc/mounts\n",
	} {
		if !strings.Contains(string(report), want) {
			t.Errorf("%q is not in\n%s", want, report)
		}
	}

	// The negative control: the image has no mount point for what the host adds later.
	settings(t, unit, "[Service]\nBindPaths=/srv/mounts:/srv/other\n")
	refused(t, "failed", "systemctl", "start", unit)
	expect(t, unit, "ExecMainStatus", "226")
	run(t, "systemctl", "reset-failed", unit)
}

// actAsMounts is this program as the image's service: it reports, in a file of its
// state directory, what it finds mounted.
func actAsMounts() error {
	var report strings.Builder
	for _, path := range []string{"/srv/pool/file", "/var/run/mounts.sock", "/etc/ssl/certs/ca-certificates.crt"} {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		fmt.Fprintf(&report, "%s: %d bytes\n", path, len(content))
	}
	addresses, err := net.LookupHost("localhost")
	if err != nil {
		return err
	}
	slices.Sort(addresses)
	fmt.Fprintf(&report, "localhost: %s\n", strings.Join(addresses, " "))
	for _, variable := range []string{"STATE_DIRECTORY", "CACHE_DIRECTORY", "LOGS_DIRECTORY", "CONFIGURATION_DIRECTORY"} {
		path := os.Getenv(variable)
		if _, err := os.ReadDir(path); err != nil {
			return err
		}
		fmt.Fprintf(&report, "%s: %s\n", variable, path)
	}
	// By the symbolic link, which is as good as the directory.
	return os.WriteFile(filepath.Join("/var/lib/mounts-link", "report"), []byte(report.String()), 0o644)
}
