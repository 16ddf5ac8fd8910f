package walkthrough

import (
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// TestCountSurvives: whatever is stopped, detached or killed, the count goes on.
func TestCountSurvives(t *testing.T) {
	once(t)
	attach(t, image)
	run(t, "systemctl", "start", socket)
	last := visit(t)
	next := func(after string) {
		t.Helper()
		n := visit(t)
		if n != last+1 {
			t.Errorf("after %s, visitor #%d was followed by #%d", after, last, n)
		}
		last = n
	}
	next("nothing")

	run(t, "systemctl", "stop", service)
	expect(t, service, "Result", "success")
	next("a stop")

	run(t, "systemctl", "restart", service)
	next("a restart")

	stop(t)
	if listens() {
		t.Error("somebody listens when all is stopped")
	}
	run(t, "systemctl", "start", socket)
	next("a stop of both units")

	stop(t)
	detach(t)
	nothingLeft(t)
	run(t, "portablectl", "attach", image)
	run(t, "systemctl", "start", socket)
	next("detaching and attaching")
}

// TestKill kills the service in the middle of its work, again and again.
func TestKill(t *testing.T) {
	once(t)
	const kills = 3
	attach(t, image)
	run(t, "systemctl", "start", socket)
	visit(t)
	all, stopLoad := load(4)
	for range kills {
		all.after(t, 20)
		pid := show(t, service, "MainPID")["MainPID"]
		run(t, "systemctl", "kill", "--signal=KILL", service)
		eventually(t, "another process", func() bool {
			now := show(t, service, "MainPID", "ActiveState")
			return now["ActiveState"] == "active" && now["MainPID"] != pid
		})
	}
	all.after(t, 20)
	stopLoad()
	// Those in flight are lost, and some must have been: else nothing was killed.
	lost := len(all.errs)
	all.errs = nil
	count, last := all.verify(t)
	t.Logf("%d answers, %d lost to %d kills", count, lost, kills)
	if restarts := show(t, service, "NRestarts")["NRestarts"]; restarts != strconv.Itoa(kills) {
		t.Errorf("NRestarts=%s after %d kills", restarts, kills)
	}
	if n := visit(t); n <= last {
		t.Errorf("#%d was told, and then #%d", last, n)
	}
	expect(t, socket, "ActiveState", "active")
}

// stateDirectory is where systemd keeps what StateDirectory= of a DynamicUser= names.
const stateDirectory = "/var/lib/private"

// TestReboot puts the state on a disk, to look for it after the reboot that follows
// this boot's tests.
func TestReboot(t *testing.T) {
	once(t)
	mount(t, true)
	attach(t, image)
	run(t, "systemctl", "start", socket)
	var last uint64
	for range 5 {
		last = visit(t)
	}
	stop(t)
	detach(t)
	guest.RebootInto(t, "^TestRebooted$", strconv.FormatUint(last, 10))
}

// TestRebooted is what the second boot runs. Its end is a power cut under load.
func TestRebooted(t *testing.T) {
	last := number(t, guest.Staged(t))
	mount(t, false)
	run(t, "portablectl", "attach", image)
	run(t, "systemctl", "start", socket)
	if n := visit(t); n != last+1 {
		t.Fatalf("visitor #%d before the reboot was followed by #%d", last, n)
	}
	all, _ := load(4)
	all.after(t, 200)
	// The machine dies with these numbers told.
	all.mu.Lock()
	defer all.mu.Unlock()
	if len(all.errs) > 0 {
		t.Fatal(all.errs[0])
	}
	for _, n := range all.numbers {
		last = max(last, n)
	}
	guest.CutPower(t, "^TestPowerWasCut$", strconv.FormatUint(last, 10))
	time.Sleep(patience)
	t.Fatal("the power was not cut")
}

// TestPowerWasCut is what the third boot runs.
func TestPowerWasCut(t *testing.T) {
	last := number(t, guest.Staged(t))
	mount(t, false)
	attach(t, image)
	run(t, "systemctl", "start", socket)
	n := visit(t)
	t.Logf("#%d was told before the power cut, #%d after it", last, n)
	// What was in flight may have been counted and not told.
	if n <= last || n > last+1000 {
		t.Errorf("#%d was told before the power cut, #%d after it", last, n)
	}
	stop(t)
}

// mount mounts the disk that outlives this boot.
func mount(t *testing.T, format bool) {
	t.Helper()
	disk, err := guest.Disk("state")
	if err != nil {
		t.Fatal(err)
	}
	if format {
		run(t, "mkfs.ext4", "-q", disk)
	}
	if err := os.MkdirAll(stateDirectory, 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", disk, stateDirectory)
	// As systemd insists on.
	if err := os.Chmod(stateDirectory, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { run(t, "umount", stateDirectory) })
}

func number(t *testing.T, text string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(fmt.Errorf("what the boot before has said: %w", err))
	}
	return n
}
