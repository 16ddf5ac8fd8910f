// Package protocol has the messages between //tools/vm and the program in the machine. The
// machine's second serial port carries lines: the text that a test prints, and records, which
// are JSON after [recordPrefix]. The kernel's command line carries an [Order] to the machine.
package protocol

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
)

// NextFile is a file in the machine that the program there reads when the tests have passed: a
// [Stage], for which it reboots the machine.
const NextFile = "/run/vm/next"

// Environment variables of the test.
const (
	PortVariable  = "VM_PORT"
	ValueVariable = "VM_VALUE"
	StageVariable = "VM_STAGE"
)

// recordPrefix starts the JSON of a [Record]: ASCII's record separator.
const recordPrefix = "\x1e"

// Events of a [Record].
const (
	// UpEvent: the machine has started all its units; the test starts now.
	UpEvent = "up"
	// FigureEvent: the test has measured something.
	FigureEvent = "figure"
	// RebootEvent: the machine shuts itself down and must be booted again.
	RebootEvent = "reboot"
	// PowerCutEvent: the machine must be killed at once and booted again.
	PowerCutEvent = "power cut"
	// DoneEvent: the test has ended with Status.
	DoneEvent = "done"
)

// A Record reports an event in the machine.
type Record struct {
	Event string `json:"event"`
	// Systemd is the version of PID 1 (UpEvent).
	Systemd string `json:"systemd,omitempty"`
	// Figure is the measurement (FigureEvent).
	Figure *Figure `json:"figure,omitempty"`
	// Next is what the next boot runs (RebootEvent, PowerCutEvent).
	Next *Stage `json:"next,omitempty"`
	// Status is the test's exit status (DoneEvent).
	Status int `json:"status,omitempty"`
}

// A Figure is a measurement: a name, a value and a unit such as "ms" or "×".
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// A Stage is a part of a test that runs in a boot of its own.
type Stage struct {
	// Run is the pattern for -test.run; empty for all tests.
	Run string `json:"run,omitempty"`
	// Value is passed on from the stage before.
	Value string `json:"value,omitempty"`
}

// An Order is what the machine must do in this boot.
type Order struct {
	// Boot counts the boots of a test, from 1.
	Boot int `json:"boot"`
	// Port is the second serial port's device.
	Port string `json:"port"`
	// Seconds is the test's time limit.
	Seconds int `json:"seconds"`
	// Stage selects the tests of the last program. The programs before it run completely, in
	// the first boot only.
	Stage Stage `json:"stage"`
	// Only is a pattern that replaces all others, if the user asks for some tests.
	Only string `json:"only,omitempty"`
}

const orderPrefix = "vm.order="

// Line returns the record's line.
func (r Record) Line() string {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // It is made of strings and numbers.
	}
	// The newline before it ends a line of text that is not complete.
	return "\n" + recordPrefix + string(b) + "\n"
}

// ParseRecord returns the record in a line. ok is false for a line of text.
func ParseRecord(line string) (r Record, ok bool, err error) {
	_, text, ok := strings.Cut(line, recordPrefix)
	if !ok {
		return r, false, nil
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return r, true, fmt.Errorf("the machine sent a bad record %q: %w", text, err)
	}
	return r, true, nil
}

// Parameter returns the order as a word of the kernel's command line.
func (o Order) Parameter() string {
	text, err := json.Marshal(o)
	if err != nil {
		panic(err) // It is made of strings and numbers.
	}
	return orderPrefix + base64.RawURLEncoding.EncodeToString(text)
}

// ParseCommandLine returns the order in the kernel's command line.
func ParseCommandLine(line string) (o Order, err error) {
	for _, word := range strings.Fields(line) {
		if text, ok := strings.CutPrefix(word, orderPrefix); ok {
			raw, err := base64.RawURLEncoding.DecodeString(text)
			if err != nil {
				return o, fmt.Errorf("%s: %w", orderPrefix, err)
			}
			return o, json.Unmarshal(raw, &o)
		}
	}
	return o, fmt.Errorf("no %s in the kernel's command line", orderPrefix)
}
