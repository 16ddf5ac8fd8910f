// Package control has tests that do not pass, each in its own way, inside a virtual
// machine: //tools/vm:vm_test holds that this is seen.
package control

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

func TestPasses(t *testing.T) { fmt.Println("this passes") }

func TestFails(t *testing.T) { t.Error("this fails") }

// TestHangs stops the agent and itself, so that nobody in the machine sees to it.
func TestHangs(t *testing.T) {
	if err := os.WriteFile("/dev/kmsg", []byte("<1>the last words\n"), 0); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{os.Getppid(), os.Getpid()} {
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Hour)
}

// TestPanics has the kernel panic.
func TestPanics(t *testing.T) {
	if err := os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Hour)
}
