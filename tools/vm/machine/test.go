package machine

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/wire"
)

// A Test is a program that runs inside a machine.
type Test struct {
	Machine Machine `json:"machine"`
	// Program is a static Go test.
	Program string `json:"program"`
	// Files are what it needs, by their names below /vm/files.
	Files map[string]string `json:"files"`
	// Run is a pattern of the tests to run; empty for all.
	Run string `json:"run"`

	// Limit is for all boots together.
	Limit time.Duration `json:"-"`
	// Outputs is a directory for logs, results and what the test keeps.
	Outputs string `json:"-"`
	// Log gets what the test prints.
	Log io.Writer `json:"-"`
	// KVM says to use the processor's own virtualization.
	KVM bool `json:"-"`
}

// A Result is what came of a test.
type Result struct {
	Suite   string        `json:"suite"`
	Systemd string        `json:"systemd"`
	Status  int           `json:"status"`
	Boots   []BootResult  `json:"boots"`
	Figures []wire.Figure `json:"figures"`
}

// A BootResult says what one boot has cost.
type BootResult struct {
	// Up is the time from QEMU's start until all units are started, in seconds.
	Up float64 `json:"up"`
	// Seconds is the time until QEMU's end.
	Seconds float64 `json:"seconds"`
	// Memory is the most that QEMU had resident, in MB.
	Memory int64 `json:"memory"`

	ended string
	next  wire.Stage
}

// maxBoots bounds what a test can ask for.
const maxBoots = 5

// stateSize and outputSize are the disks', in bytes. Their files are sparse.
const (
	stateSize  = 256 << 20
	outputSize = 64 << 20
)

// Start runs the test, to its end. An error means that there is no result.
func (t *Test) Start(ctx context.Context) (result Result, err error) {
	scratch, err := os.MkdirTemp(os.Getenv("TEST_TMPDIR"), "vm")
	if err != nil {
		return result, err
	}
	defer os.RemoveAll(scratch)
	result.Suite = t.Machine.Suite

	initrd := filepath.Join(scratch, "initrd")
	files := map[string]string{"/init": t.Machine.Agent, "/vm/test": t.Program}
	for name, path := range t.Files {
		files["/vm/files/"+name] = path
	}
	if err := t.Machine.initrd(initrd, payload{unit: agentUnit, files: files}.write); err != nil {
		return result, err
	}
	state := filepath.Join(scratch, "state")
	if err := blank(state, stateSize); err != nil {
		return result, err
	}

	deadline := time.Now().Add(t.Limit)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	stage := wire.Stage{Run: t.Run}
	for number := 1; number <= maxBoots; number++ {
		output := filepath.Join(scratch, "output")
		if err := blank(output, outputSize); err != nil {
			return result, err
		}
		console := filepath.Join(t.Outputs, fmt.Sprintf("boot%d-console.log", number))
		board := boards[t.Machine.Architecture]
		told := wire.Boot{Number: number, Port: "/dev/" + board.second, Seconds: int(time.Until(deadline).Seconds()) - 20, Stage: stage}
		b := boot{
			initrd: initrd,
			append: []string{told.Parameter()},
			disks:  []disk{{"output", output}, {"state", state}},
			serial: [2]string{"file:" + console, "stdio"},
			kvm:    t.KVM,
		}
		this, err := t.boot(ctx, scratch, b, &result)
		if err != nil {
			t.showConsole(console)
			return result, fmt.Errorf("boot %d: %w", number, err)
		}
		result.Boots = append(result.Boots, this)
		if this.ended != wire.PowerCut {
			if err := t.keep(output, fmt.Sprintf("boot%d-", number)); err != nil {
				return result, err
			}
		}
		if this.ended == wire.Done {
			return result, nil
		}
		stage = this.next
		fmt.Fprintf(t.Log, "--- %s: %s; booting again\n", t.Machine.Suite, this.ended)
	}
	return result, fmt.Errorf("the test has asked for more than %d boots", maxBoots)
}

// boot runs one boot to its end.
func (t *Test) boot(ctx context.Context, scratch string, b boot, result *Result) (this BootResult, err error) {
	cmd, err := t.Machine.command(ctx, scratch, b)
	if err != nil {
		return this, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	port, err := cmd.StdoutPipe()
	if err != nil {
		return this, err
	}
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return this, err
	}
	lines := bufio.NewReader(port)
	for {
		line, readErr := lines.ReadString('\n')
		record, ok, err := wire.Parse(strings.TrimRight(line, "\r\n"))
		switch {
		case err != nil:
			fmt.Fprintln(t.Log, err)
		case ok:
			t.record(record, &this, result, start)
			if record.Event == wire.PowerCut {
				_ = cmd.Process.Kill()
			}
		case strings.Trim(line, "\r\n") != "":
			fmt.Fprintln(t.Log, strings.TrimRight(line, "\r\n"))
		}
		if readErr != nil {
			break
		}
	}
	waitErr := cmd.Wait()
	this.Seconds = time.Since(start).Seconds()
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		this.Memory = usage.Maxrss >> 10
	}
	switch {
	case ctx.Err() != nil:
		return this, fmt.Errorf("the machine was not done after %v", t.Limit)
	case this.ended == "" && waitErr != nil:
		return this, fmt.Errorf("QEMU: %w: %s", waitErr, said.String())
	case this.ended == "":
		return this, errors.New("the machine has ended without a word on how the test went")
	}
	return this, nil
}

func (t *Test) record(r wire.Record, this *BootResult, result *Result, start time.Time) {
	switch r.Event {
	case wire.Up:
		this.Up = time.Since(start).Seconds()
		result.Systemd = r.Systemd
		fmt.Fprintf(t.Log, "--- %s: %s is up after %.1f s\n", t.Machine.Suite, r.Systemd, this.Up)
	case wire.Measured:
		result.Figures = append(result.Figures, *r.Figure)
	case wire.Done, wire.Reboot, wire.PowerCut:
		this.ended = r.Event
		result.Status = r.Status
		if r.Next != nil {
			this.next = *r.Next
		}
	}
}

// showConsole prints the end of a console's log: why a machine hangs is said there.
func (t *Test) showConsole(path string) {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintln(t.Log, err)
		return
	}
	lines := strings.Split(strings.ReplaceAll(string(text), "\r", ""), "\n")
	if most := 200; len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	fmt.Fprintf(t.Log, "--- %s: the end of the console's log\n%s\n---\n", t.Machine.Suite, strings.Join(lines, "\n"))
}

// keep copies what the agent has written to the output disk.
func (t *Test) keep(output, prefix string) error {
	file, err := os.Open(output)
	if err != nil {
		return err
	}
	defer file.Close()
	for in := tar.NewReader(bufio.NewReader(file)); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the machine's outputs: %w", err)
		}
		if !filepath.IsLocal(h.Name) {
			return fmt.Errorf("the machine's outputs: a file %q", h.Name)
		}
		to := filepath.Join(t.Outputs, prefix+strings.ReplaceAll(h.Name, "/", "-"))
		out, err := os.Create(to)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		if err := joinClose(err, out); err != nil {
			return err
		}
	}
}

// blank makes a file of zeros.
func blank(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return joinClose(file.Truncate(size), file)
}
