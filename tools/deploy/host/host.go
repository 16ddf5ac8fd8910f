// Package host runs shell scripts on a machine: on others over OpenSSH's own client, with
// the user's configuration, keys and agent, and on this one directly, as root.
//
// A script arrives on standard input, before anything else that is sent, so that no login
// shell needs to understand it and it may be of any length. It prints lines "KEY<TAB>VALUE".
package host

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A Host is where scripts run.
type Host struct {
	// Destination is as ssh(1) takes it, USER@HOST or an alias of ssh_config(5); empty for
	// this machine.
	Destination string
	// Unattended makes ssh fail instead of asking for a password: the user would not know for
	// which host.
	Unattended bool

	// become are the words before a command that make its user root.
	become []string
	// control is the socket of a connection that several calls share.
	control string
}

// effectiveUser is another one in tests.
var effectiveUser = os.Geteuid

// New returns a host. If it is this machine, New fails if no program here can make the user root, and
// otherwise passes a notice about that program.
func New(destination string, unattended bool, scratch string, notice func(string)) (*Host, error) {
	h := &Host{Destination: destination, Unattended: unattended}
	if destination != "" {
		if strings.HasPrefix(destination, "-") || strings.ContainsAny(destination, " \t\n'\"") {
			return nil, fmt.Errorf("host %q: it is not a destination of ssh(1); write USER@HOST", destination)
		}
		if _, err := exec.LookPath("ssh"); err != nil {
			return nil, fmt.Errorf("host %s: %w; fix: install OpenSSH's client", destination, err)
		}
		// %C is short: a socket's path has at most 107 bytes.
		h.control = filepath.Join(scratch, "%C")
		return h, nil
	}
	if effectiveUser() == 0 {
		return h, nil
	}
	for _, program := range []string{"sudo", "run0"} {
		if _, err := exec.LookPath(program); err == nil {
			h.become = []string{program}
			notice(fmt.Sprintf("you are not root: every step on this machine runs as `%s sh`; --dry-run prints the steps", program))
			return h, nil
		}
	}
	return nil, fmt.Errorf("this machine: you are not root, and it has neither sudo nor run0; fix: start this as root, or give --host=USER@HOST")
}

// Name is for people.
func (h *Host) Name() string {
	if h.Destination == "" {
		return "this machine"
	}
	return h.Destination
}

// asRoot starts its argument as root, on a machine that is not this one. Nobody is there to type
// a password.
const asRoot = `if [ "$(id -u)" = 0 ]; then exec sh -c "$0"; fi; exec sudo -n sh -c "$0"`

// Words are the command line that runs a script of that length.
func (h *Host) Words(length int) []string {
	// head(1) reads exactly the requested number of bytes.
	reader := fmt.Sprintf(`eval "$(head -c %d)"`, length)
	if h.Destination == "" {
		return append(append([]string{}, h.become...), "sh", "-c", reader)
	}
	return append(h.ssh(), "-T", "--", h.Destination, fmt.Sprintf("sh -c '%s' '%s'", asRoot, reader))
}

func (h *Host) ssh() []string {
	words := []string{"ssh", "-o", "ControlMaster=auto", "-o", "ControlPath=" + h.control, "-o", "ControlPersist=no",
		"-o", "ConnectTimeout=30", "-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=3"}
	if h.Unattended {
		words = append(words, "-o", "BatchMode=yes")
	}
	return words
}

// A Script is run on a host.
type Script struct {
	// Text is for sh(1).
	Text string
	// Line gets each line that the script prints. It may send to the script.
	Line func(key, value string, to io.Writer) error
}

// ErrLost means that the connection to a host failed or broke.
var ErrLost = errors.New("no connection")

// A FailedError is the failure that a script reports.
type FailedError struct {
	// Text describes the failure.
	Text string
	// Words is the output of a program or a service.
	Words []string
	// Status is the script's exit status.
	Status int
}

func (e *FailedError) Error() string {
	return strings.Join(append([]string{e.Text}, e.Words...), "\n  ")
}

// Run runs a script to its end. The error is a [*FailedError] if the script reports a failure, and wraps
// [ErrLost] if ssh does.
func (h *Host) Run(ctx context.Context, s Script) error {
	words := h.Words(len(s.Text))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	// Ctrl-C is for this program alone: it decides what becomes of a step under way.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: !terminalNeeded(words[0])}
	// A script that does not end by itself when its input ends would be waited for.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var failed FailedError
	_, sendErr := io.WriteString(in, s.Text)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	var lineErr error
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "\t")
		switch key {
		case "words":
			failed.Words = append(failed.Words, value)
		case "failed":
			failed.Text = value
		}
		if s.Line != nil && lineErr == nil {
			if lineErr = s.Line(key, value, in); lineErr != nil {
				in.Close()
			}
		}
	}
	in.Close()
	waitErr := cmd.Wait()
	status := cmd.ProcessState.ExitCode()
	text := strings.TrimSpace(said.String())
	switch {
	case failed.Text != "":
		failed.Status = status
		return &failed
	case waitErr == nil:
		return errors.Join(lineErr, lines.Err())
	case lineErr != nil:
		return lineErr
	case status == 3:
		failed.Status, failed.Text = status, "the units did not come up"
		return &failed
	case h.Destination != "" && status == 255:
		return fmt.Errorf("%w: ssh: %s", ErrLost, text)
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return errors.Join(&FailedError{Text: fmt.Sprintf("%s: %v", strings.Join(words[:1], " "), waitErr), Words: strings.Split(text, "\n"), Status: status}, sendErr, lines.Err())
}

// terminalNeeded: sudo and ssh ask for passwords on the terminal, which a background process
// group may not read.
func terminalNeeded(program string) bool {
	return program == "sudo" || program == "run0" || program == "ssh"
}

// Dial connects to an address as the host sees it: through ssh(1)'s -W, so that it suffices if the service
// listens on the host's loopback interface.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if h.Destination == "" {
		return new(net.Dialer).DialContext(ctx, network, address)
	}
	words := append(h.ssh(), "-W", address, "--", h.Destination)
	cmd := exec.Command(words[0], words[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &conn{cmd: cmd, WriteCloser: in, Reader: out}
	cmd.Stderr = &c.said
	return c, cmd.Start()
}

// A conn is a connection through an ssh process.
type conn struct {
	io.WriteCloser
	io.Reader
	cmd  *exec.Cmd
	said bytes.Buffer
}

func (c *conn) Close() error {
	c.WriteCloser.Close()
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	return nil
}

type address string

func (a address) Network() string { return "ssh" }
func (a address) String() string  { return string(a) }

func (c *conn) LocalAddr() net.Addr              { return address("local") }
func (c *conn) RemoteAddr() net.Addr             { return address("host") }
func (c *conn) SetDeadline(time.Time) error      { return nil }
func (c *conn) SetReadDeadline(time.Time) error  { return nil }
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// Quote returns a text as one word of a shell.
func Quote(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-", r)
	}) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
