package walkthrough

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// TestProfiles uses the service under every profile that systemd has.
func TestProfiles(t *testing.T) {
	const requests = 99
	for _, profile := range []struct {
		name string
		// exposure is the most that systemd-analyze security may say, of 10.
		exposure float64
	}{
		// A profile comes after the unit. Those of default and nonetwork give back
		// capabilities, address families and system calls that the unit takes away, and
		// a list in a unit can't be made shorter than what a later one adds.
		{"default", 2.1},
		{"nonetwork", 1.8},
		{"strict", 0.9},
		{"trusted", 0.9},
	} {
		t.Run(profile.name, func(t *testing.T) {
			all := systemd(t) == everything
			if profile.name == "default" && !all {
				t.Skip("portable_test has attached the image with it")
			}
			attach(t, "--profile="+profile.name, image)
			run(t, "systemctl", "start", socket)
			first := visit(t)
			if all {
				many(t, requests, first)
			}
			confined(t)
			if all {
				restarted(t, profile.name != "strict")
			}
			if profile.name == "strict" {
				// TasksMax=4, of which a Go program must not want a fifth.
				expect(t, service, "TasksMax", "4")
			}
			rating(t, profile.name, profile.exposure)
			expect(t, service, "NRestarts", "0")
			stop(t)
			expect(t, service, "Result", "success")
		})
	}
}

// many visits by fresh connections and a kept one.
func many(t *testing.T, requests int, first uint64) {
	t.Helper()
	var all visitors
	c := kept()
	for i := range requests {
		if i%10 == 0 {
			all.add(fresh().visit())
			continue
		}
		all.add(c.visit())
	}
	c.CloseIdleConnections()
	if count, last := all.verify(t); count != requests || last != first+uint64(requests) {
		t.Errorf("%d answers, the last one #%d, after #%d", count, last, first)
	}
}

// restarted has the service end and start under load. No number is repeated, and if the
// service handles SIGTERM no request is lost. With too few tasks for that, SIGTERM ends
// it at once, and may cut a request in flight.
func restarted(t *testing.T, handled bool) {
	t.Helper()
	const stops = 2
	all, stopLoad := load(8)
	for range stops {
		all.after(t, 20)
		run(t, "systemctl", "stop", service)
		all.after(t, 20)
	}
	stopLoad()
	if !handled {
		all.errs = nil
		all.verify(t)
		return
	}
	count, _ := all.verify(t)
	t.Logf("%d requests while it was stopped %d times", count, stops)
	// systemd calls it success too if the signal kills it: the service itself must tell.
	if ended := strings.Count(logged(t), "msg=stopped reason=signal"); ended != stops {
		t.Errorf("it ended by itself %d times when it was stopped %d times", ended, stops)
	}
}

// confined looks at the process: the sandbox is not only asked for.
func confined(t *testing.T) {
	t.Helper()
	pid := show(t, service, "MainPID")["MainPID"]
	text, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, ":")
		status[key] = strings.TrimSpace(value)
	}
	const none = "0000000000000000"
	// 2 is a filter; without libseccomp systemd would go on without one.
	for key, want := range map[string]string{"Seccomp": "2", "NoNewPrivs": "1", "CapEff": none, "CapPrm": none, "CapAmb": none} {
		if status[key] != want {
			t.Errorf("%s: %s, want %s", key, status[key], want)
		}
	}
	if uid := strings.Fields(status["Uid"]); uid[0] == "0" {
		t.Error("the service runs as root")
	}
	t.Logf("%s threads, %s resident", status["Threads"], status["VmRSS"])
	// It sees its image, and nothing of the host's programs.
	if _, err := os.Stat(filepath.Join("/proc", pid, "root/usr/bin/bash")); err == nil {
		t.Error("the service sees the host's /usr/bin")
	}
	if _, err := os.Stat(filepath.Join("/proc", pid, "root/usr/bin", name)); err != nil {
		t.Error(err)
	}
}

var overall = regexp.MustCompile(`Overall exposure level for [^:]+: ([0-9.]+)`)

// rating verifies systemd's rating of the attached service's sandbox.
func rating(t *testing.T, profile string, most float64) {
	t.Helper()
	said := run(t, "systemd-analyze", "security", "--no-pager", service)
	match := overall.FindStringSubmatch(said[len(said)-1])
	if match == nil {
		t.Fatalf("systemd-analyze security says %q", said[len(said)-1])
	}
	exposure, err := strconv.ParseFloat(match[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	guest.Report(t, "exposure under profile "+profile, exposure, "of 10")
	if exposure > most {
		t.Errorf("exposure level %v, want at most %v", exposure, most)
	}
}
