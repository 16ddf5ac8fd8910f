package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// A consoleRun is a run of the walk-through's console, on a terminal of its own.
type consoleRun struct {
	cmd      *exec.Cmd
	terminal *os.File
	// log is a file with its output, tmp its directory for temporary files.
	log, tmp string
}

// newConsole returns a run that is not started yet.
func newConsole(t *testing.T) *consoleRun {
	t.Helper()
	program, err := runfile.Path("CONSOLE")
	if err != nil {
		t.Fatal(err)
	}
	c := &consoleRun{cmd: exec.CommandContext(t.Context(), program), log: filepath.Join(t.TempDir(), "log"), tmp: t.TempDir()}
	c.cmd.Env = append(os.Environ(), "VM_CONSOLE="+os.Getenv("CONSOLE")+".json", "TMPDIR="+c.tmp, "TERM=xterm-256color")
	return c
}

// start starts it on a pseudoterminal, pty(7), as a user's shell would.
func (c *consoleRun) start(t *testing.T) {
	t.Helper()
	var err error
	if c.terminal, err = os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.terminal.Close() })
	size := [4]uint16{31, 101}
	var locked, number int32
	for request, argument := range map[uintptr]unsafe.Pointer{
		syscall.TIOCSWINSZ: unsafe.Pointer(&size), syscall.TIOCSPTLCK: unsafe.Pointer(&locked), syscall.TIOCGPTN: unsafe.Pointer(&number),
	} {
		if err := ioctl(c.terminal, request, argument); err != nil {
			t.Fatal(err)
		}
	}
	end, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer end.Close()
	log, err := os.Create(c.log)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(log, c.terminal) // It ends with an error when the terminal's last user ends.
		log.Close()
	}()
	c.cmd.Stdin, c.cmd.Stdout, c.cmd.Stderr = end, end, end
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (c *consoleRun) settings(t *testing.T) syscall.Termios {
	t.Helper()
	settings, err := settingsOf(c.terminal)
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// wait waits for its end, with an exit status and a text that it has printed.
func (c *consoleRun) wait(t *testing.T, status int, want ...string) {
	t.Helper()
	_ = c.cmd.Wait()
	for _, text := range want {
		waitForText(t, c.log, text)
	}
	if got := c.cmd.ProcessState.ExitCode(); got != status {
		said, _ := os.ReadFile(c.log)
		t.Errorf("exit status %d, want %d:\n%s", got, status, said)
	}
	if left, err := os.ReadDir(c.tmp); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
}

// A user sees the image's units with the test's drop-ins, and works in a shell of the terminal's
// type and size. When the shell ends, the machine ends, and no file is left.
func TestConsole(t *testing.T) {
	t.Parallel()
	c := newConsole(t)
	c.start(t)
	waitForText(t, c.log, "[guest /vm/files]# ")
	fmt.Fprint(c.terminal, "systemctl cat portable-walkthrough-go.service; echo \"$TERM\" $(stty size); sleep 1000\r")
	waitForText(t, c.log, "xterm-256color 31 101")
	// Ctrl-C ends the command, and Ctrl-D the shell.
	fmt.Fprint(c.terminal, "\x03")
	waitForText(t, c.log, "^C")
	fmt.Fprint(c.terminal, "echo it is $?\r")
	waitForText(t, c.log, "it is 130")
	fmt.Fprint(c.terminal, "\x04")
	c.wait(t, 0, "portable-walkthrough-go.socket  loaded active   listening", "10-idle.conf", "To leave, type exit")
}

// Ctrl-C before the machine boots, and closing the window while it runs, end the console. The
// terminal has its old settings, and no file is left.
func TestConsoleEndsOnSignals(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{"Ctrl-C": syscall.SIGINT, "closed window": syscall.SIGHUP} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newConsole(t)
			if signal == syscall.SIGHUP {
				c.cmd.Env = append(c.cmd.Env, "VM_ACCEL=tcg")
			}
			c.start(t)
			before := c.settings(t)
			waitForText(t, c.log, "Booting bullseye")
			for signal == syscall.SIGHUP && c.settings(t) == before {
				// QEMU changes them when it starts.
				time.Sleep(10 * time.Millisecond)
			}
			// Not by a key: as soon as QEMU runs, it passes keys on to the machine.
			if err := c.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			c.wait(t, 1, "vm: ended by a signal")
			if after := c.settings(t); after != before {
				t.Errorf("the terminal is %+v; it was %+v", after, before)
			}
		})
	}
}

func TestConsoleNeedsATerminal(t *testing.T) {
	c := newConsole(t)
	said, err := c.cmd.CombinedOutput()
	if want := "standard input is not a terminal"; err == nil || !strings.Contains(string(said), want) {
		t.Errorf("%v, want %q in:\n%s", err, want, said)
	}
}
