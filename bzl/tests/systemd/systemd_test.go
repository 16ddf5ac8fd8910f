// Package systemd attaches an image that declares no mount point to a real systemd. It
// is run inside a virtual machine, by //tools/vm:mounts_SUITE.
package systemd

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

func run(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", command, err, out)
	}
	return string(out)
}

// What mkportable adds is what systemd mounts over: one missing path, and the service
// would end with status=226/NAMESPACE. A drop-in has its effect, and the version in the
// file's name is no part of the portable name.
func TestAddedMountPointsAreEnough(t *testing.T) {
	if err := os.MkdirAll("/srv/mounts", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("/srv/mounts/file", []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(guest.Files, "mounts_1.0.raw")
	run(t, "portablectl", "attach", image)
	t.Cleanup(func() {
		// systemd 252 would not find it as "mounts".
		if out, err := exec.Command("portablectl", "detach", image).CombinedOutput(); err != nil {
			t.Errorf("detach: %v\n%s", err, out)
		}
	})
	if got := run(t, "systemctl", "show", "--property=Nice", "mounts.service"); got != "Nice=5\n" {
		t.Errorf("the drop-in has no effect: %s", got)
	}
	if out, err := exec.Command("systemctl", "start", "mounts.service").CombinedOutput(); err != nil {
		log, _ := exec.Command("journalctl", "--no-pager", "--unit=mounts.service").CombinedOutput()
		t.Fatalf("start: %v\n%s%s", err, out, log)
	}
	report, err := os.ReadFile("/var/lib/private/mounts/report")
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := os.ReadFile("/etc/hosts")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		fmt.Sprintf("/etc/hosts: %d bytes\n", len(hosts)), "/srv/pool/file: 5 bytes\n",
		"STATE_DIRECTORY: /var/lib/mounts\n", "CACHE_DIRECTORY: /var/cache/mounts/pages\n",
		"LOGS_DIRECTORY: /var/log/mounts\n", "CONFIGURATION_DIRECTORY: /etc/mounts\n",
	} {
		if !strings.Contains(string(report), want) {
			t.Errorf("%q is not in\n%s", want, report)
		}
	}

	// The negative control: what the host adds later has no place in the image.
	dropin := "/run/systemd/system/mounts.service.d/90-test.conf"
	if err := os.MkdirAll(filepath.Dir(dropin), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dropin, []byte("[Service]\nBindPaths=/srv/mounts:/srv/other\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "systemctl", "daemon-reload")
	if err := exec.Command("systemctl", "start", "mounts.service").Run(); err == nil {
		t.Error("the service starts though a mount point is missing")
	}
	if got := run(t, "systemctl", "show", "--property=ExecMainStatus", "mounts.service"); got != "ExecMainStatus=226\n" {
		t.Errorf("a missing mount point: %s, want 226", got)
	}
}
