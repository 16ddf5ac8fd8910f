package walkthrough

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// transcript is the session of the walk-through that this project started from, but
// for the directory that the image is in.
//
//go:embed testdata/transcript.txt
var transcript string

// A step is a command and the lines that it prints.
type step struct {
	command []string
	output  []string
}

func steps(text string) (all []step) {
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if command, ok := strings.CutPrefix(line, "# "); ok {
			all = append(all, step{command: strings.Fields(command)})
			continue
		}
		last := &all[len(all)-1]
		last.output = append(last.output, line)
	}
	return all
}

// different compares lines as sets: systemd puts the units of an image in no order.
func different(want, got []string) error {
	missing, more := less(want, got), less(got, want)
	if len(missing)+len(more) == 0 {
		return nil
	}
	return fmt.Errorf("missing lines: %q, more lines: %q", missing, more)
}

func less(a, b []string) []string {
	b = slices.Clone(b)
	return slices.DeleteFunc(slices.Clone(a), func(line string) bool {
		i := slices.Index(b, line)
		if i >= 0 {
			b = slices.Delete(b, i, i+1)
		}
		return i >= 0
	})
}

// normal makes older systems' words the newer ones'.
func normal(lines []string) []string {
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(line, " /lib/systemd/", " /usr/lib/systemd/")
	}
	return lines
}

// TestTranscript is the walk-through, step by step.
func TestTranscript(t *testing.T) {
	t.Chdir(guest.Files)
	// As on the walk-through's host, nobody has come yet.
	for _, directory := range []string{"/var/lib/private/" + name, "/var/lib/" + name} {
		if err := os.RemoveAll(directory); err != nil {
			t.Fatal(err)
		}
	}
	all := steps(transcript)
	if len(all) != 6 {
		t.Fatalf("the transcript has %d commands", len(all))
	}
	for _, s := range all {
		t.Run(strings.Join(s.command, " "), func(t *testing.T) {
			if s.command[0] == "curl" {
				s.command = append(s.command, "--silent", "--show-error")
			}
			if err := different(s.output, normal(run(t, s.command...))); err != nil {
				t.Error(err)
			}
		})
	}
	nothingLeft(t)
}

// TestTranscriptControl is the negative control: another profile is not the
// transcript's, and is seen.
func TestTranscriptControl(t *testing.T) {
	once(t)
	t.Chdir(guest.Files)
	attach := steps(transcript)[0]
	t.Cleanup(func() { detach(t) })
	err := different(attach.output, normal(run(t, "portablectl", "attach", "--profile=trusted", attach.command[2])))
	if err == nil || !strings.Contains(err.Error(), "profile/trusted/service.conf") || strings.Count(err.Error(), "Created") != 2 {
		t.Errorf("got %v, want the one line with the profile missing, and another in its place", err)
	}
}

// TestInspect looks at the image before it is trusted.
func TestInspect(t *testing.T) {
	said := run(t, "portablectl", "inspect", image)
	for _, want := range []string{"HTTP visitor counter, in Go", "Portable Walkthrough Go", service, socket} {
		if !slices.ContainsFunc(said, func(line string) bool { return strings.TrimSpace(line) == want }) {
			t.Errorf("%q is not said", want)
		}
	}
}

// TestRefusals are what portablectl must refuse, and does.
func TestRefusals(t *testing.T) {
	once(t)
	attach(t, image)
	refused(t, "exists on the host already", "portablectl", "attach", image)
	run(t, "systemctl", "start", socket)
	refused(t, "is active, can't detach", "portablectl", "detach", name)
	stop(t)
	detach(t)
	refused(t, "", "portablectl", "detach", name)
	nothingLeft(t)
}

// nothingLeft verifies that detaching leaves only empty directories.
func nothingLeft(t *testing.T) {
	t.Helper()
	for _, directory := range []string{"/etc/systemd/system.attached", "/run/systemd/system.attached"} {
		if _, err := os.Lstat(directory); err == nil {
			t.Errorf("%s is left", directory)
		}
	}
	for _, pattern := range []string{"/etc/portables/*", "/run/portables/*"} {
		if left, _ := filepath.Glob(pattern); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}
	if said := run(t, "portablectl", "list", "--no-legend"); len(said) > 0 && !strings.Contains(said[0], "No images") {
		t.Errorf("portablectl list says %q", said)
	}
}
