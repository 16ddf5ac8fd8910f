package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"slices"
)

// suites is JUnit's format as far as it is passed on: what a machine's test wrote is
// kept as it is.
type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []suite  `xml:"testsuite"`
}

type suite struct {
	Attributes []xml.Attr `xml:",any,attr"`
	Inner      string     `xml:",innerxml"`
}

// mergeXML makes one report of those of all boots, so that Bazel knows every step of
// a scenario by its name.
func mergeXML(outputs, to string) error {
	paths, err := filepath.Glob(filepath.Join(outputs, "boot*-test.xml"))
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
