package main

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/protocol"
)

// A vmTest describes tests that run inside a machine. The rule vm_test writes the description.
type vmTest struct {
	Machine machine `json:"machine"`
	// Programs are static Go tests, which run one after the other.
	Programs []string `json:"programs"`
	// Files are runfiles locations by absolute paths, or by names below /vm/files.
	Files map[string]string `json:"files"`
	// Run is a pattern of the last program's tests to run; empty for all.
	Run string `json:"run"`

	// limit is the time for all boots together.
	limit time.Duration
	// outputs is a directory for logs, results and the files that the test keeps.
	outputs string
	// log gets the test's output.
	log io.Writer
	kvm bool
}

// maxBoots limits the boots that a test can ask for.
const maxBoots = 5

// stateSize and outputSize are the sizes of the disks in bytes. Their files are sparse.
const (
	stateSize  = 256 << 20
	outputSize = 64 << 20
)

// test runs the vm_test that $VM_TEST describes and returns its exit status.
func test(ctx context.Context) (status int, err error) {
	t := vmTest{log: os.Stdout, outputs: os.Getenv("TEST_UNDECLARED_OUTPUTS_DIR"), limit: timeLimit()}
	if err := readDescription("VM_TEST", &t); err != nil {
		return 0, err
	}
	if err := errors.Join(t.Machine.resolve(), resolveFiles(t.Files)); err != nil {
		return 0, err
	}
	for i := range t.Programs {
		if err := resolve(&t.Programs[i]); err != nil {
			return 0, err
		}
	}
	if t.outputs == "" {
		if t.outputs, err = os.MkdirTemp("", "vm-outputs"); err != nil {
			return 0, err
		}
		fmt.Fprintln(t.log, "outputs are in", t.outputs)
	}
	lock, err := os.ReadFile(t.Machine.Lock)
	if err != nil {
		return 0, err
	}
	if err := os.WriteFile(filepath.Join(t.outputs, "packages.lock"), lock, 0o644); err != nil {
		return 0, err
	}
	t.kvm = t.Machine.kvmWanted(ctx)
	r, err := t.start(ctx)
	if err == nil {
		err = t.report(r)
	}
	if err != nil || r.Status != 0 {
		fmt.Fprintf(t.log, "--- %s: the machine's consoles, journals and results are in %s\n", t.Machine.Suite, t.whereOutputsWillBe())
	}
	return r.Status, err
}

// whereOutputsWillBe returns the directory to which Bazel moves outputs when the test has ended.
func (t *vmTest) whereOutputsWillBe() string {
	_, target, ok := strings.Cut(os.Getenv("TEST_TARGET"), "//")
	if !ok {
		return t.outputs
	}
	return filepath.Join("bazel-testlogs", strings.Replace(target, ":", "/", 1), "test.outputs")
}

// timeLimit returns Bazel's limit, less the time to report a machine that hangs.
func timeLimit() time.Duration {
	seconds, err := strconv.Atoi(os.Getenv("TEST_TIMEOUT"))
	if err != nil || seconds < 60 {
		return time.Hour
	}
	return time.Duration(seconds-20) * time.Second
}

// start runs the test to its end, through all boots. An error means that there is no
// result.
func (t *vmTest) start(ctx context.Context) (r result, err error) {
	scratch, err := os.MkdirTemp(os.Getenv("TEST_TMPDIR"), "vm")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(scratch)
	p := newPayload(agentUnit, t.Machine.Agent, t.Files)
	for i, program := range t.Programs {
		p.files[fmt.Sprintf("/vm/test%d", i)] = program
	}
	initrd, state := filepath.Join(scratch, "initrd"), filepath.Join(scratch, "state")
	if err := errors.Join(t.Machine.writeInitrd(initrd, p.write), writeBlank(state, stateSize)); err != nil {
		return r, err
	}
	r.Suite = t.Machine.Suite
	deadline := time.Now().Add(t.limit)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	stage := protocol.Stage{Run: t.Run}
	for number := 1; number <= maxBoots; number++ {
		output := filepath.Join(scratch, "output")
		if err := writeBlank(output, outputSize); err != nil {
			return r, err
		}
		console := filepath.Join(t.outputs, fmt.Sprintf("boot%d-console.log", number))
		order := protocol.Order{
			Boot:    number,
			Port:    "/dev/" + boards[t.Machine.Architecture].second,
			Seconds: int(time.Until(deadline).Seconds()) - 20,
			Stage:   stage,
			// bazel test --test_filter
			Only: os.Getenv("TESTBRIDGE_TEST_ONLY"),
		}
		if number > 1 {
			order.Only = ""
		}
		this, err := t.boot(ctx, scratch, boot{
			initrd: initrd,
			append: []string{order.Parameter()},
			disks:  []disk{{outputDisk, output}, {"state", state}},
			serial: [2]string{"file:" + console, "stdio"},
			kvm:    t.kvm,
		}, &r)
		if err != nil {
			return r, fmt.Errorf("boot %d: %w%s", number, err, t.showConsole(console))
		}
		r.Boots = append(r.Boots, this)
		if this.ended != protocol.PowerCutEvent {
			if err := t.unpackOutputs(output, fmt.Sprintf("boot%d-", number)); err != nil {
				return r, err
			}
		}
		if this.ended == protocol.DoneEvent {
			return r, nil
		}
		stage = this.next
		fmt.Fprintf(t.log, "--- %s: %s; booting again\n", t.Machine.Suite, this.ended)
	}
	return r, fmt.Errorf("the test asks for more than %d boots", maxBoots)
}

// boot runs one boot to its end.
func (t *vmTest) boot(ctx context.Context, scratch string, b boot, r *result) (this bootResult, err error) {
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
		record, ok, err := protocol.ParseRecord(strings.TrimRight(line, "\r\n"))
		switch {
		case err != nil:
			fmt.Fprintln(t.log, err)
		case ok:
			t.record(record, &this, r, start)
			if record.Event == protocol.PowerCutEvent {
				_ = cmd.Process.Kill()
			}
		case strings.Trim(line, "\r\n") != "":
			fmt.Fprintln(t.log, strings.TrimRight(line, "\r\n"))
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
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return this, fmt.Errorf("the machine was not done after %v", t.limit)
	case ctx.Err() != nil:
		return this, errors.New("ended by a signal while the machine ran")
	case this.ended == "" && waitErr != nil:
		return this, fmt.Errorf("QEMU: %w: %s", waitErr, said.String())
	case this.ended == "":
		return this, errors.New("the machine ended without reporting the test's result")
	}
	return this, nil
}

// record adds the machine's report to the results.
func (t *vmTest) record(record protocol.Record, this *bootResult, r *result, start time.Time) {
	switch record.Event {
	case protocol.UpEvent:
		this.Up = time.Since(start).Seconds()
		r.Systemd = record.Systemd
		fmt.Fprintf(t.log, "--- %s: %s is up after %.1f s\n", t.Machine.Suite, record.Systemd, this.Up)
	case protocol.FigureEvent:
		r.Figures = append(r.Figures, *record.Figure)
	case protocol.DoneEvent, protocol.RebootEvent, protocol.PowerCutEvent:
		this.ended = record.Event
		r.Status = record.Status
		if record.Next != nil {
			this.next = *record.Next
		}
	}
}

// outOfMemory matches the kernel's messages about too little memory, at the boot or in the test.
var outOfMemory = regexp.MustCompile(`Initramfs unpacking failed: write error|Out of memory|deadlocked on memory`)

// showConsole prints the end of a console's log, which shows why a machine hangs. It returns the fix
// if the log shows the cause.
func (t *vmTest) showConsole(path string) (fix string) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "" // QEMU has not started.
	}
	if err != nil {
		fmt.Fprintln(t.log, err)
		return ""
	}
	lines := strings.Split(strings.ReplaceAll(string(text), "\r", ""), "\n")
	if most := 200; len(lines) > most {
		lines = lines[len(lines)-most:]
	}
	fmt.Fprintf(t.log, "--- %s: the end of the console's log\n%s\n---\n", t.Machine.Suite, strings.Join(lines, "\n"))
	if said := outOfMemory.Find(text); said != nil {
		return fmt.Sprintf("; its console reports %q; fix: raise the attribute memory, which is %d MiB", said, t.Machine.Memory)
	}
	return ""
}

// unpackOutputs copies the files that the machine wrote to its output disk.
func (t *vmTest) unpackOutputs(output, prefix string) error {
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
			return fmt.Errorf("the machine's outputs: %q is outside of the directory", h.Name)
		}
		out, err := os.Create(filepath.Join(t.outputs, prefix+strings.ReplaceAll(h.Name, "/", "-")))
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		if err := errors.Join(err, out.Close()); err != nil {
			return err
		}
	}
}

// writeBlank writes a file of zeros.
func writeBlank(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Close())
}
