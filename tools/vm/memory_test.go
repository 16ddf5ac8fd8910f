package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The error of a machine with too little memory names the attribute to change, and not only a panic.
func TestTooLittleMemory(t *testing.T) {
	for said, fix := range map[string]string{
		"[   12.7] Initramfs unpacking failed: write error\r\nKernel panic - not syncing: VFS": `; its console reports "Initramfs unpacking failed: write error"; fix: raise the attribute memory, which is 256 MiB`,
		"[   90.1] Out of memory: Killed process 240 (greet)\r\n":                              `; its console reports "Out of memory"; fix: raise the attribute memory, which is 256 MiB`,
		"[   90.1] Memory cgroup out of memory: Killed process 240 (greet)\r\n":                "",
		"[   20.5] Kernel panic - not syncing: VFS\r\n":                                        "",
	} {
		console := filepath.Join(t.TempDir(), "console.log")
		if err := os.WriteFile(console, []byte(said), 0o644); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		test := vmTest{Machine: machine{Memory: 256}, log: &log}
		if got := test.showConsole(console); got != fix {
			t.Errorf("got %q, want %q", got, fix)
		}
		if line, _, _ := strings.Cut(said, "\r"); !strings.Contains(log.String(), line) {
			t.Errorf("%q is not in %q", line, log.String())
		}
		log.Reset()
		if got := test.showConsole(console + ".none"); got != "" || log.Len() > 0 {
			t.Errorf("without a console: %q, %q", got, log.String())
		}
	}
}
