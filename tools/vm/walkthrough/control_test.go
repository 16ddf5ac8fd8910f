package walkthrough

import (
	"os"
	"syscall"
	"testing"
	"time"
)

// The tests in this file do not pass, each in its own way: //tools/vm:vm_test verifies
// that its machine's test is then seen not to pass.

func TestControlFails(t *testing.T) {
	onlyByName(t)
	t.Run("passes", func(*testing.T) {})
	t.Error("this fails")
}

// TestControlHangs stops the program that runs it and itself, so that nobody in the
// machine notices.
func TestControlHangs(t *testing.T) {
	onlyByName(t)
	must(t, os.WriteFile("/dev/kmsg", []byte("<1>the last words\n"), 0))
	for _, pid := range []int{os.Getppid(), os.Getpid()} {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Hour)
}

// TestControlPanics has the kernel panic.
func TestControlPanics(t *testing.T) {
	onlyByName(t)
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
}
