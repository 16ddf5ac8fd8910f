package lifecycle

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// A life is one image's in progress.
type life struct {
	Plan
	// units are the attached ones, without templates.
	units []string
}

// Run takes the image through its life, each step as a subtest. After the first step that
// fails the rest is left out, and the image is detached as well as that can be done.
func Run(t *testing.T, p Plan) {
	l := &life{Plan: p}
	steps := []struct {
		name string
		do   func(t *testing.T) error
	}{
		{"setup", l.setup},
		{"attach", l.attach},
		{"start", l.start},
		{"answer", l.answer},
		{"commands", l.commands},
		{"units", l.states},
		{"sandbox", l.sandbox},
		{"idle", l.idle},
		{"restart", l.restart},
		{"stop", l.stop},
		{"detach", l.detach},
	}
	for _, step := range steps {
		ok := t.Run(step.name, func(t *testing.T) {
			if err := step.do(t); err != nil {
				// Not t.Error: this is for users of the rule, to whom lines of this file
				// say nothing.
				fmt.Fprintf(t.Output(), "%s: step %q failed: %v\n", p.Prefixes[0], step.name, err)
				t.Fail()
			}
		})
		if !ok && p.Until == "" {
			l.giveUp()
		}
		if !ok || step.name == p.Until {
			return
		}
	}
}

// giveUp leaves the machine to others.
func (l *life) giveUp() {
	for _, name := range l.units {
		_, _ = output("systemctl", "kill", "--signal=KILL", "--", name)
	}
	if len(l.units) > 0 {
		_, _ = output(append([]string{"systemctl", "stop", "--"}, l.units...)...)
	}
	_, _ = output(l.portablectl("detach")...)
	_ = removeDropIns()
	_, _ = output("systemctl", "reset-failed")
}

// removeDropIns takes away what setup added.
func removeDropIns() error {
	paths, err := filepath.Glob(dropIns + "/*")
	if err != nil || len(paths) == 0 {
		return err
	}
	for _, path := range paths {
		if err := os.RemoveAll(filepath.Join(dropInsInUse, filepath.Base(path))); err != nil {
			return err
		}
	}
	if said, err := output("systemctl", "daemon-reload"); err != nil {
		return fmt.Errorf("systemctl daemon-reload: %w: %s", err, said)
	}
	return nil
}

// failure is an error with explanations of units below it.
func failure(what string, units ...string) error {
	if said := explain(units...); said != "" {
		what += "\n" + said
	}
	return fmt.Errorf("%s", strings.ReplaceAll(what, "\n", "\n  "))
}

// Drop-ins of the plan, directories UNIT.d, and where systemd finds them while the steps
// run.
const (
	dropIns      = "/vm/drop_ins"
	dropInsInUse = "/run/systemd/system"
)

func (l *life) setup(t *testing.T) error {
	if _, err := os.Stat(dropIns); err == nil {
		if err := os.CopyFS(dropInsInUse, os.DirFS(dropIns)); err != nil {
			return err
		}
	}
	for _, command := range l.Setup {
		said, err := output("/bin/sh", "-c", command)
		t.Logf("# %s\n%s", command, said)
		if err != nil {
			return failure(fmt.Sprintf("%s: %v\n%s", command, err, said))
		}
	}
	return nil
}

// portablectl is a command with what attach and detach have in common.
func (l *life) portablectl(verb string, flags ...string) []string {
	command := append([]string{"portablectl", verb}, flags...)
	command = append(command, l.Image)
	// Without one it is the portable name.
	if len(l.Prefixes) > 1 {
		command = append(command, l.Prefixes...)
	}
	return command
}

// attached is where portablectl puts units.
const attached = "/etc/systemd/system.attached"

func (l *life) attach(t *testing.T) error {
	said, err := output(l.portablectl("attach", "--profile="+l.Profile)...)
	t.Log(said)
	if err != nil {
		return failure(fmt.Sprintf("portablectl attach --profile=%s %s: %v\n%s", l.Profile, filepath.Base(l.Image), err, said))
	}
	paths, err := filepath.Glob(attached + "/*.*")
	if err != nil {
		return err
	}
	for _, path := range paths {
		name := filepath.Base(path)
		if prefix, suffix, _ := strings.Cut(name, "@"); filepath.Ext(name) == ".d" || strings.HasPrefix(suffix, ".") && prefix != "" {
			continue
		}
		l.units = append(l.units, name)
	}
	if len(l.units) == 0 && len(l.Start) == 0 {
		return fmt.Errorf("all units of the image are templates: name the instances to start with start")
	}
	for _, name := range l.units {
		if u, err := show(name); err != nil || u["LoadState"] != "loaded" {
			return failure(fmt.Sprintf("systemd does not load %s: %v", name, err), name)
		}
	}
	return nil
}

// byKind returns the attached units of some types.
func (l *life) byKind(kinds ...string) (names []string) {
	for _, name := range l.units {
		if slices.Contains(kinds, filepath.Ext(name)) {
			names = append(names, name)
		}
	}
	return names
}

// triggered reports whether another unit starts a service, and whether that is a socket.
func (l *life) triggered(name string) (by string, socket bool) {
	u, err := show(name)
	if err != nil {
		return "", false
	}
	return u["TriggeredBy"], strings.Contains(u["TriggeredBy"], ".socket")
}

// start starts what the units ask for: what starts others, services that nothing else
// starts, and once the services of timers and paths. What a socket starts waits for a
// connection.
func (l *life) start(t *testing.T) error {
	names := l.Start
	if len(names) == 0 {
		names = l.byKind(".socket", ".timer", ".path", ".target")
		for _, name := range l.byKind(".service") {
			if _, socket := l.triggered(name); !socket {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		if err := l.startOne(t, name); err != nil {
			return err
		}
	}
	return l.settled(names)
}

func (l *life) startOne(t *testing.T, name string) error {
	said, err := output("systemctl", "start", "--", name)
	t.Logf("# systemctl start %s\n%s", name, said)
	if err != nil {
		return failure(fmt.Sprintf("%s does not start: systemctl start: %v\n%s", name, err, strings.TrimSpace(advice.ReplaceAllString(said, ""))), name)
	}
	return nil
}

// advice is systemctl's, for people at the machine.
var advice = regexp.MustCompile(`(?m) ?See "(systemctl|journalctl) .*$`)

// settle is how long a service that reports no readiness is watched. It can only be too
// short to see a crash; no slow machine makes a good service fail.
const settle = 3 * time.Second

// settled looks for services that ended after they had started.
func (l *life) settled(names []string) error {
	simple := false
	for _, name := range names {
		if filepath.Ext(name) == ".service" {
			u, err := show(name)
			if err != nil {
				return err
			}
			simple = simple || u["Type"] == "simple" || u["Type"] == "exec" || u["Type"] == "idle"
		}
	}
	if simple {
		time.Sleep(settle)
	}
	return l.healthy(names)
}

// healthy returns an error for units that failed or are in a loop of restarts.
func (l *life) healthy(names []string) error {
	for _, name := range names {
		u, err := show(name)
		if err != nil {
			return err
		}
		if u.broken() {
			return failure(name+" started and then ended", name)
		}
	}
	return nil
}

// answer asks for all that must answer. That starts services which wait on sockets;
// those that have not run after it are started.
func (l *life) answer(t *testing.T) error {
	if err := l.askAll(t, func(want string) string { return want }); err != nil {
		return err
	}
	if len(l.Start) > 0 {
		return l.healthy(l.byKind(".service"))
	}
	for _, name := range l.byKind(".service") {
		u, err := show(name)
		if err != nil {
			return err
		}
		if u["InvocationID"] == "" && u["ExecMainCode"] == "0" && u["ActiveState"] == "inactive" {
			if err := l.startOne(t, name); err != nil {
				return err
			}
		}
	}
	return l.settled(l.byKind(".service"))
}

// answerLimit is how long a service may take from its start to its first answer. One that
// reports readiness (Type=notify) or inherits its socket answers at once.
const answerLimit = 3 * time.Minute

// ask asks until there is an answer, or a unit has failed.
func (l *life) ask(t *testing.T, address, want string, ask func(address string) (answer string, again bool, err error)) error {
	var answer string
	var refused error
	ok, err := within(answerLimit, func() (bool, error) {
		var again bool
		answer, again, refused = ask(address)
		if refused != nil && again {
			return false, l.healthy(l.units)
		}
		return true, nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("%s does not answer: %w\n  %w", address, refused, err)
	case refused != nil && ok:
		return failure(fmt.Sprintf("%s answers %v", address, refused), l.notGood()...)
	case refused != nil:
		return failure(fmt.Sprintf("%s does not answer: %v", address, refused), l.byKind(".service", ".socket")...)
	case !ok:
		return failure(address+" does not answer", l.byKind(".service", ".socket")...)
	}
	t.Logf("%s answers %.200q", address, answer)
	ok, err = matches(answer, want)
	if err != nil {
		return fmt.Errorf("%s: %w", address, err)
	}
	if !ok {
		return failure(fmt.Sprintf("%s answers %.1000q, want %q", address, answer, want), l.notGood()...)
	}
	return nil
}

func (l *life) commands(t *testing.T) error {
	for _, c := range l.Commands {
		said, err := output("/bin/sh", "-c", c.Run)
		t.Logf("# %s\n%s", c.Run, said)
		status, ok := exitStatus(err)
		if !ok {
			return fmt.Errorf("%s: %w", c.Run, err)
		}
		if status != c.Status {
			return failure(fmt.Sprintf("%s: exit status %d, want %d; it prints:\n%s", c.Run, status, c.Status, said), l.notGood()...)
		}
		ok, err = matches(said, c.Output)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Run, err)
		}
		if !ok {
			return failure(fmt.Sprintf("%s: the output has no %q; it prints:\n%s", c.Run, c.Output, said), l.notGood()...)
		}
	}
	return nil
}

// notGood are the attached units that an explanation should be about.
func (l *life) notGood() (names []string) {
	for _, name := range l.units {
		if u, err := show(name); err != nil || u.broken() {
			names = append(names, name)
		}
	}
	return names
}

// known is show of a unit that the plan names, and which must exist.
func (l *life) known(name string) (unit, error) {
	u, err := show(name)
	if err == nil && u["LoadState"] == "not-found" {
		err = fmt.Errorf("there is no unit %s; the image's are %s", name, strings.Join(l.units, ", "))
	}
	return u, err
}

func (l *life) states(*testing.T) error {
	for _, name := range slices.Sorted(maps.Keys(l.Units)) {
		want, active, sub := l.Units[name], "", ""
		ok, err := eventually(func() (bool, error) {
			u, err := l.known(name)
			active, sub = u["ActiveState"], u["SubState"]
			// What is on its way arrives.
			return err != nil || active == want || active+"/"+sub == want || !strings.HasSuffix(active, "ing"), err
		})
		if err != nil {
			return err
		}
		if !ok || active != want && active+"/"+sub != want {
			return failure(fmt.Sprintf("%s is %s/%s, want %s", name, active, sub, want), name)
		}
	}
	return nil
}

// overall is the last line of systemd-analyze security.
var overall = regexp.MustCompile(`Overall exposure level for [^:]+: ([0-9.]+)`)

// seccomp is a line of proc_pid_status(5); 2 is a filter.
var seccomp = regexp.MustCompile(`(?m)^Seccomp:\s*(\d)$`)

// filtered verifies that a service's process has a system call filter.
func (l *life) filtered(t *testing.T, name string) error {
	return l.process(t, name, func(pid string) (bool, error) {
		status, _ := os.ReadFile("/proc/" + pid + "/status")
		match := seccomp.FindSubmatch(status)
		switch {
		case match == nil: // It has ended meanwhile.
			return false, nil
		case string(match[1]) == "2":
			return true, nil
		}
		return false, failure(name + " has SystemCallFilter=, but its process runs without a filter\nfix: without libseccomp2 systemd goes on without one; the machine must have that package")
	})
}

// caughtWithin limits how often a service whose process has ended before anybody could look
// is started again.
const caughtWithin = 2 * time.Minute

// process calls do with the process ID of a service, until do returns true. A service that
// exits when it is idle is started again for it: on a busy machine it may have exited
// before systemctl has said which process it is.
func (l *life) process(t *testing.T, name string, do func(pid string) (bool, error)) error {
	ok, err := within(caughtWithin, func() (bool, error) {
		u, err := show(name)
		if err != nil {
			return false, err
		}
		if u.running() {
			if done, err := do(u["MainPID"]); done || err != nil {
				return done, err
			}
		}
		return false, l.startOne(t, name)
	})
	if err == nil && !ok {
		return failure(name+" exits too soon to look at its process", name)
	}
	return err
}

// sandbox verifies that the system call filter is on, and rates each service.
func (l *life) sandbox(t *testing.T) error {
	for _, name := range l.byKind(".service") {
		u, err := show(name)
		if err != nil {
			return err
		}
		if u["SystemCallFilter"] != "" && u["Type"] != "oneshot" {
			if err := l.filtered(t, name); err != nil {
				return err
			}
		}
		said, err := output("systemd-analyze", "security", "--no-pager", name)
		match := overall.FindStringSubmatch(said)
		if match == nil {
			return fmt.Errorf("systemd-analyze security %s: %v: no rating in %q", name, err, said)
		}
		exposure, err := strconv.ParseFloat(match[1], 64)
		if err != nil {
			return err
		}
		guest.Report(t, fmt.Sprintf("exposure of %s under profile %s", name, l.Profile), exposure, "of 10")
		if l.MaxExposure == "" {
			continue
		}
		bound, err := strconv.ParseFloat(l.MaxExposure, 64)
		if err != nil {
			return fmt.Errorf("max_exposure: %q is not a number from 0 to 10: %w", l.MaxExposure, err)
		}
		if exposure > bound {
			return fmt.Errorf("systemd-analyze security rates %s under profile %s at %v, want at most %v (0 is best)\n  %s", name, l.Profile, exposure, bound, worst(said))
		}
	}
	return nil
}

// worst are the directives that lower the rating most.
func worst(said string) string {
	line := regexp.MustCompile(`(?m)^\S*\s*(?:✗|\[-\]|-)\s+(.+?)\s+([0-9.]+)\s*$`)
	type finding struct {
		text     string
		exposure float64
	}
	var all []finding
	for _, match := range line.FindAllStringSubmatch(said, -1) {
		exposure, _ := strconv.ParseFloat(match[2], 64)
		all = append(all, finding{strings.Join(strings.Fields(match[1]), " "), exposure})
	}
	slices.SortStableFunc(all, func(a, b finding) int { return int(10 * (b.exposure - a.exposure)) })
	text := "what counts most:"
	for _, f := range all[:min(len(all), 5)] {
		text += fmt.Sprintf("\n    %s (%v)", f.text, f.exposure)
	}
	return text
}

// idle waits until services exit because nobody uses them, and has them start again.
func (l *life) idle(t *testing.T) error {
	for _, name := range l.IdleExit {
		if _, err := l.known(name); err != nil {
			return err
		}
		ok, err := eventually(func() (bool, error) {
			u, err := show(name)
			if err == nil && u.broken() {
				err = failure(name+" does not exit well when it is idle", name)
			}
			return u["ActiveState"] == "inactive", err
		})
		if err != nil {
			return err
		}
		if !ok {
			return failure(fmt.Sprintf("%s does not exit when it is idle; waited %v", name, patience), name)
		}
		by, _ := l.triggered(name)
		for _, trigger := range strings.Fields(by) {
			if u, err := show(trigger); err != nil || u["ActiveState"] != "active" {
				return failure(fmt.Sprintf("%s exited when it was idle, but %s, which starts it again, is not active", name, trigger), trigger)
			}
		}
		if by == "" {
			return failure(name + " exited when it was idle, but no socket, timer or path starts it again")
		}
	}
	if len(l.IdleExit) == 0 {
		return nil
	}
	return l.again(t)
}

// again asks once more for what answers: whatever happened, it still does. A body may
// have changed, as a count of visitors does.
func (l *life) again(t *testing.T) error {
	return l.askAll(t, func(string) string { return "" })
}

// askAll asks all that must answer, for what wanted makes of the plan's answer.
func (l *life) askAll(t *testing.T, wanted func(answer string) string) error {
	for _, url := range slices.Sorted(maps.Keys(l.HTTP)) {
		if err := l.ask(t, url, wanted(l.HTTP[url]), get); err != nil {
			return err
		}
	}
	for _, socket := range slices.Sorted(maps.Keys(l.Sockets)) {
		if err := l.ask(t, socket, wanted(l.Sockets[socket]), listen); err != nil {
			return err
		}
	}
	return nil
}

// maxRestart is the longest RestartSec= that is waited for.
const maxRestart = time.Minute

// restart kills services that systemd shall restart.
func (l *life) restart(t *testing.T) error {
	killed := false
	for _, name := range l.byKind(".service") {
		before, err := show(name)
		if err != nil {
			return err
		}
		if !slices.Contains([]string{"always", "on-failure", "on-abnormal", "on-abort"}, before["Restart"]) || before["Type"] == "oneshot" {
			continue
		}
		// systemd writes "1min 30s", Go reads "1m30s".
		after, err := time.ParseDuration(strings.NewReplacer("min", "m", " ", "").Replace(before["RestartUSec"]))
		if err != nil || after > maxRestart {
			t.Logf("%s: RestartSec=%s is not waited for", name, before["RestartUSec"])
			continue
		}
		pid := ""
		err = l.process(t, name, func(running string) (bool, error) {
			n, err := strconv.Atoi(running)
			if err != nil {
				return false, err
			}
			switch err := syscall.Kill(n, syscall.SIGKILL); {
			case errors.Is(err, syscall.ESRCH):
				return false, nil
			case err != nil:
				return false, fmt.Errorf("kill the process of %s: %w", name, err)
			}
			pid = running
			return true, nil
		})
		if err != nil {
			return err
		}
		killed = true
		ok, err := eventually(func() (bool, error) {
			now, err := show(name)
			if err == nil && now["ActiveState"] == "failed" {
				err = failure(fmt.Sprintf("%s has Restart=%s, but failed when its process was killed", name, before["Restart"]), name)
			}
			// If it exits when it is idle, it may have done so already.
			idle := now["ActiveState"] == "inactive" && now["NRestarts"] != "0"
			return now.running() && now["MainPID"] != pid || idle, err
		})
		if err != nil {
			return err
		}
		if !ok {
			return failure(fmt.Sprintf("%s has Restart=%s, but was not restarted when its process was killed", name, before["Restart"]), name)
		}
	}
	if !killed {
		return nil
	}
	return l.again(t)
}

func (l *life) stop(t *testing.T) error {
	names := slices.Concat(l.Start, l.units)
	said, err := output(append([]string{"systemctl", "stop", "--"}, names...)...)
	t.Log(said)
	if err != nil {
		return failure(fmt.Sprintf("systemctl stop: %v\n%s", err, said), l.notGood()...)
	}
	for _, name := range names {
		u, err := show(name)
		if err != nil {
			return err
		}
		if u["ActiveState"] != "inactive" || u["Result"] != "success" && u["Result"] != "" {
			return failure(name+" did not stop well", name)
		}
	}
	return nil
}

func (l *life) detach(t *testing.T) error {
	said, err := output(l.portablectl("detach")...)
	t.Log(said)
	if err != nil {
		return failure(fmt.Sprintf("portablectl detach %s: %v\n%s", filepath.Base(l.Image), err, said), l.notGood()...)
	}
	if err := removeDropIns(); err != nil {
		return err
	}
	var left []string
	for _, pattern := range []string{attached, "/run/systemd/system.attached", "/etc/portables/*", "/run/portables/*"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return err
		}
		left = append(left, paths...)
	}
	for _, name := range l.units {
		if u, err := show(name); err != nil || u["LoadState"] != "not-found" {
			left = append(left, name+" ("+u["LoadState"]+")")
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("after portablectl detach these are left: %s", strings.Join(left, ", "))
	}
	return nil
}
