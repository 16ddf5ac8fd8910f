package host

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// programs makes a PATH of scripts, with sh and head of this machine.
func programs(t *testing.T, scripts map[string]string) {
	t.Helper()
	directory := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(directory, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sh", "head"} {
		if err := os.Symlink(filepath.Join("/usr/bin", name), filepath.Join(directory, name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", directory)
}

// collect gathers lines as KEY=VALUE.
func collect(lines *[]string) func(key, value string, to io.Writer) error {
	return func(key, value string, _ io.Writer) error {
		*lines = append(*lines, key+"="+value)
		return nil
	}
}

// New tells a user without root which program will run the steps, before the first step runs. Run uses that program.
func TestBecomesRoot(t *testing.T) {
	effectiveUser = func() int { return 1000 }
	t.Cleanup(func() { effectiveUser = os.Geteuid })
	for _, program := range []string{"sudo", "run0"} {
		log := filepath.Join(t.TempDir(), "log")
		scripts := map[string]string{program: "echo \"" + program + " $*\" >>'" + log + "'; exec \"$@\""}
		if program == "sudo" {
			scripts["run0"] = "exit 9" // sudo is preferred.
		}
		programs(t, scripts)
		var notices []string
		h, err := New("", false, t.TempDir(), func(text string) {
			if _, err := os.Stat(log); err == nil {
				t.Error("a step ran before New said how")
			}
			notices = append(notices, text)
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(notices) != 1 || !strings.Contains(notices[0], "not root") || !strings.Contains(notices[0], "`"+program+" sh`") {
			t.Errorf("%s: said %q", program, notices)
		}
		var lines []string
		err = h.Run(t.Context(), Script{Text: "printf 'answer\\t%s\\n' 42\n", Line: collect(&lines)})
		if err != nil || !slices.Equal(lines, []string{"answer=42"}) {
			t.Errorf("%s: %q, %v", program, lines, err)
		}
		if text, err := os.ReadFile(log); err != nil || !strings.HasPrefix(string(text), program+" sh -c ") {
			t.Errorf("%s: ran %q, %v", program, text, err)
		}
	}

	programs(t, nil)
	said := func(text string) { t.Errorf("said %q", text) }
	if _, err := New("", false, t.TempDir(), said); err == nil || !strings.Contains(err.Error(), "neither sudo nor run0; fix: ") {
		t.Errorf("got %v", err)
	}
	effectiveUser = func() int { return 0 }
	h, err := New("", false, t.TempDir(), said)
	if err != nil || h.Words(1)[0] != "sh" {
		t.Errorf("root: %+v, %v", h, err)
	}
}

// A user without root on a remote host runs steps by sudo, which must not ask there.
func TestRemoteUser(t *testing.T) {
	programs(t, map[string]string{"ssh": "for last; do :; done; exec sh -c \"$last\"", "id": "echo 1000", "sudo": "[ \"$1\" = -n ] || exit 9; shift; exec \"$@\""})
	h, err := New("me@host", true, t.TempDir(), func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	if err := h.Run(t.Context(), Script{Text: "printf 'answer\\t%s\\n' 42\n", Line: collect(&lines)}); err != nil || !slices.Equal(lines, []string{"answer=42"}) {
		t.Errorf("%q, %v", lines, err)
	}
	if words := h.Words(1); !slices.Contains(words, "BatchMode=yes") {
		t.Errorf("of several hosts, ssh would ask: %q", words)
	}
}
