// Package wire is what a virtual machine and the program that started it say to each
// other. The machine's second serial port carries lines: text for people, which is
// what a test prints, and records, which are JSON after [Prefix]. The other way there
// is the kernel's command line, with [Boot].
package wire

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// Prefix starts a line that is a [Record]: ASCII's record separator.
const Prefix = "\x1e"

// Events.
const (
	// Up: the machine has started all its units; the test starts now.
	Up = "up"
	// Measured: a figure for the report.
	Measured = "figure"
	// Reboot: the machine shuts down on its own and shall be booted again.
	Reboot = "reboot"
	// PowerCut: the machine is to be killed, at once, and booted again.
	PowerCut = "power cut"
	// Done: the test has ended, with Status.
	Done = "done"
)

// A Record is an event in the machine.
type Record struct {
	Event string `json:"event"`
	// Systemd is what runs as PID 1 (Up).
	Systemd string `json:"systemd,omitempty"`
	// Figure is what was measured.
	Figure *Figure `json:"figure,omitempty"`
	// Next is what the next boot runs (Reboot, PowerCut).
	Next *Stage `json:"next,omitempty"`
	// Status is the test's exit status (Done).
	Status int `json:"status,omitempty"`
}

// A Figure has a name, a value and a unit such as "ms" or "×".
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// A Stage is a part of a test that runs in a boot of its own.
type Stage struct {
	// Run is the pattern for -test.run; empty for all tests.
	Run string `json:"run,omitempty"`
	// Value is what the stage before wants this one to know.
	Value string `json:"value,omitempty"`
}

// Boot is what a machine is told on the kernel's command line.
type Boot struct {
	// Number counts the boots of a test, from 1.
	Number int `json:"number"`
	// Port is the second serial port's device.
	Port string `json:"port"`
	// Seconds is how long the test may take.
	Seconds int `json:"seconds"`
	// Stage is what to run.
	Stage Stage `json:"stage"`
}

const parameter = "vm.boot="

// Line is the record as it is sent.
func (r Record) Line() string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // It is made of strings and numbers.
	}
	// After a line of text that is not complete.
	return "\n" + Prefix + string(b) + "\n"
}

// Parse returns the record in a line, if it is one.
func Parse(line string) (r Record, ok bool, err error) {
	_, text, ok := strings.Cut(line, Prefix)
	if !ok {
		return r, false, nil
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return r, true, fmt.Errorf("the machine sent a bad record %q: %w", text, err)
	}
	return r, true, nil
}

// Parameter is the word for the kernel's command line.
func (b Boot) Parameter() string {
	text, err := json.Marshal(b)
	if err != nil {
		panic(err)
	}
	return parameter + base64.RawURLEncoding.EncodeToString(text)
}

// ParseCommandLine finds Boot in the kernel's command line.
func ParseCommandLine(line string) (b Boot, err error) {
	for _, word := range strings.Fields(line) {
		if text, ok := strings.CutPrefix(word, parameter); ok {
			raw, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil {
				return b, fmt.Errorf("%s: %w", parameter, err)
			}
			return b, json.Unmarshal(raw, &b)
		}
	}
	return b, fmt.Errorf("no %s in the kernel's command line", parameter)
}
