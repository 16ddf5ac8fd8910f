// Package child runs a server for as long as a test or a command needs it.
package child

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// A Process was started, and may have ended.
type Process struct {
	// Done is closed when it has ended.
	Done <-chan struct{}

	name string
	cmd  *exec.Cmd
	err  error
}

// Start starts a command under a name for errors; what it says goes to log. It dies with
// the thread that started it (Pdeathsig in prctl(2)): who calls this locks the goroutine to
// its thread until Stop.
func Start(name string, cmd *exec.Cmd, log io.Writer) (*Process, error) {
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	done := make(chan struct{})
	p := &Process{Done: done, name: name, cmd: cmd}
	go func() {
		p.err = cmd.Wait()
		close(done)
	}()
	return p, nil
}

// EndedAtOnce is the error of a process that has ended before it was of use.
func (p *Process) EndedAtOnce() error { return fmt.Errorf("%s ended at once: %v", p.name, p.err) }

// Stop ends it with SIGTERM, and waits for that; after 20 s it is killed, which is an
// error.
func (p *Process) Stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.Done:
		return nil
	case <-time.After(20 * time.Second):
		err := p.cmd.Process.Kill()
		<-p.Done
		return errors.Join(fmt.Errorf("%s did not end when told, and was killed", p.name), err, p.err)
	}
}
