package lifecycle

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// patience limits every wait. Only what never comes takes so long, so it is as long as a
// busy machine with an emulated CPU may need.
const patience = 10 * time.Minute

// output runs a command and returns all that it prints.
func output(command ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
	return strings.TrimRight(string(bytes.ReplaceAll(out, []byte("\r"), nil)), "\n"), err
}

// A unit is what systemd says of a unit, by systemctl show's names.
type unit map[string]string

// properties are those that the steps and the explanations read.
const properties = "ActiveState,SubState,Result,Type,ExecMainCode,ExecMainStatus,MainPID,NRestarts,Restart,RestartUSec," +
	"TriggeredBy,Triggers,LoadState,LoadError,SystemCallFilter,InvocationID,ConditionResult,TimeoutStartUSec,Listen"

// show asks systemd for a unit.
func show(name string) (unit, error) {
	text, err := output("systemctl", "show", "--property="+properties, "--", name)
	if err != nil {
		return nil, fmt.Errorf("systemctl show %s: %w: %s", name, err, text)
	}
	u := unit{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		u[key] = value
	}
	return u, nil
}

// running reports whether the unit is a service with a process.
func (u unit) running() bool {
	return u["ActiveState"] == "active" && u["MainPID"] != "" && u["MainPID"] != "0"
}

// broken reports whether systemd has given the unit up, or starts it again and again.
func (u unit) broken() bool {
	return u["ActiveState"] == "failed" || u["Result"] != "success" && u["Result"] != "" || strings.HasPrefix(u["SubState"], "auto-restart") || u["NRestarts"] != "0" && u["NRestarts"] != ""
}

// eventually waits until is returns true, or an error.
func eventually(is func() (bool, error)) (bool, error) { return within(patience, is) }

func within(limit time.Duration, is func() (bool, error)) (bool, error) {
	for end := time.Now().Add(limit); ; time.Sleep(50 * time.Millisecond) {
		if ok, err := is(); ok || err != nil || time.Now().After(end) {
			return ok, err
		}
	}
}
