// Package lifecycle takes one portable service image through its life on a host: attach,
// start, answer, run confined, exit when idle, restart, stop, detach. It runs inside a
// virtual machine, as the part of the rule portable_test that needs no Go code of its
// user. A failure names the step, quotes systemd and the service, and gives the fix for
// causes that it knows.
package lifecycle

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// A Plan says what to do with an image and what to expect. portable_test writes it; its
// documentation describes the attributes that most fields come from.
type Plan struct {
	// Image is the image's path in the machine.
	Image string `json:"image"`
	// Prefixes are the image's; the first is its portable name.
	Prefixes []string `json:"prefixes"`
	Profile  string   `json:"profile"`
	// Setup are shell commands that run before the image is attached.
	Setup []string `json:"setup"`
	// Start are the units to start, in this order; empty for what the units ask for.
	Start []string `json:"start"`
	// HTTP are URLs and what their answers contain, Sockets the same for stream sockets.
	HTTP    map[string]string `json:"http"`
	Sockets map[string]string `json:"sockets"`
	// Commands run in a shell of the machine.
	Commands []Command `json:"commands"`
	// Units are expected states: ActiveState, or ActiveState/SubState.
	Units map[string]string `json:"units"`
	// IdleExit are services that exit by themselves when nobody uses them.
	IdleExit []string `json:"idle_exit"`
	// MaxExposure bounds what systemd-analyze security says of each service; empty for
	// no bound.
	MaxExposure string `json:"max_exposure"`
	// Until is the last step to take; empty for all. The image is then left as it is,
	// whether the steps passed or not: for a console.
	Until string `json:"until"`
}

// A Command is a shell command with the status and the output that it must have.
type Command struct {
	Run    string `json:"run"`
	Status int    `json:"status"`
	Output string `json:"output"`
}

// Read reads a plan.
func Read(path string) (p Plan, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	if p.Image == "" || len(p.Prefixes) == 0 {
		return p, fmt.Errorf("%s: no image, or no portable name", path)
	}
	wanted := slices.AppendSeq(slices.Collect(maps.Values(p.HTTP)), maps.Values(p.Sockets))
	for _, c := range p.Commands {
		wanted = append(wanted, c.Output)
	}
	for _, want := range wanted {
		if _, err := matches("", want); err != nil {
			return p, fmt.Errorf("%s: %w", path, err)
		}
	}
	return p, nil
}

// matches reports whether text is as expected: a text that it contains or, between
// slashes, a regular expression (RE2) that matches a part of it.
func matches(text, want string) (bool, error) {
	if len(want) < 2 || !strings.HasPrefix(want, "/") || !strings.HasSuffix(want, "/") {
		return strings.Contains(text, want), nil
	}
	pattern, err := regexp.Compile("(?m)" + want[1:len(want)-1])
	if err != nil {
		return false, fmt.Errorf("the expected text %s is not a regular expression: %w", want, err)
	}
	return pattern.MatchString(text), nil
}
