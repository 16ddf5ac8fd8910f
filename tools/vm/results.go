package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"example.org/portable-walkthrough-go/tools/vm/protocol"
)

// A result describes a finished test, for programs: result.json.
type result struct {
	Suite   string            `json:"suite"`
	Systemd string            `json:"systemd"`
	Status  int               `json:"status"`
	Boots   []bootResult      `json:"boots"`
	Figures []protocol.Figure `json:"figures"`
}

// A bootResult describes one boot.
type bootResult struct {
	// Up is the time from QEMU's start until all units are started, in seconds.
	Up float64 `json:"up"`
	// Seconds is the time until QEMU's end.
	Seconds float64 `json:"seconds"`
	// Memory is the most that QEMU had resident, in MB.
	Memory int64 `json:"memory"`

	ended string
	next  protocol.Stage
}

// report prints the figures and writes result.json and Bazel's test.xml.
func (t *vmTest) report(r result) error {
	for i, b := range r.Boots {
		fmt.Fprintf(t.log, "--- %s: boot %d: up after %.1f s, ended after %.1f s, %d MB\n", r.Suite, i+1, b.Up, b.Seconds, b.Memory)
	}
	for _, f := range r.Figures {
		fmt.Fprintf(t.log, "--- %s: %s: %.4g %s\n", r.Suite, f.Name, f.Value, f.Unit)
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.outputs, "result.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	if to := os.Getenv("XML_OUTPUT_FILE"); to != "" {
		return mergeXML(t.outputs, to)
	}
	return nil
}

// suites is the part of JUnit's format that is needed to merge reports. It keeps the text of
// the tests in the machine unchanged.
type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []suite  `xml:"testsuite"`
}

type suite struct {
	Attributes []xml.Attr `xml:",any,attr"`
	Inner      string     `xml:",innerxml"`
}

// mergeXML merges the reports of all boots, so that Bazel lists every test in the
// machine by its name.
func mergeXML(outputs, to string) error {
	paths, err := filepath.Glob(filepath.Join(outputs, "boot*-test*.xml"))
	if err != nil {
		return err
	}
	slices.Sort(paths)
	var all suites
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var one suites
		if err := xml.Unmarshal(text, &one); err != nil {
			return err
		}
		all.Suites = append(all.Suites, one.Suites...)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o644)
}
