package grammar

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/suite"
)

// A probe is a line of a unit file. The rest of the unit has no mistake.
type probe struct{ section, name, value string }

func (p probe) String() string { return fmt.Sprintf("[%s] %s=%s", p.section, p.name, p.value) }

func readProbes(t *testing.T) []probe {
	t.Helper()
	content, err := os.ReadFile("testdata/probes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var all []probe
	for line := range strings.Lines(string(content)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") {
			continue
		}
		if len(fields) != 3 {
			t.Fatalf("%q is not a probe: want three fields", line)
		}
		all = append(all, probe{fields[0], fields[1], fields[2]})
	}
	return all
}

var unitTypes = map[string]string{"Unit": "service", "Service": "service", "Socket": "socket", "Timer": "timer", "Path": "path"}

// complaint returns our findings for a probe in a version of systemd, or "".
func (p probe) complaint(version int) string {
	var all []string
	for _, f := range Check("probe."+unitTypes[p.section], p.section, p.name, p.value) {
		switch {
		case f.Effect == Dropped: // systemd reports nothing
		case f.Is != "":
			all = append(all, fmt.Sprintf("%q %s", f.Part, f.Is))
		case f.Since > version:
			all = append(all, fmt.Sprintf("%q is new in systemd %d", f.Part, f.Since))
		case f.Until != 0 && f.Until < version:
			all = append(all, fmt.Sprintf("%q is gone since systemd %d", f.Part, f.Until))
		}
	}
	return strings.Join(all, "; ")
}

// The findings for each probe agree with systemd's, in each of its versions.
func TestSystemdAgrees(t *testing.T) {
	probes := readProbes(t)
	newer := make([]bool, len(probes)) // a newer version reports a mistake
	for _, root := range suite.All(t) {
		verdicts := ask(t, root, probes)
		found, missed, wrong := 0, 0, 0
		for i, p := range probes {
			theirs, ours := verdicts[i], p.complaint(root.Version)
			if strings.Contains(theirs, "Unknown key") {
				continue // package directives checks names
			}
			newer[i] = newer[i] || theirs != ""
			switch {
			case theirs != "" && ours != "":
				found++
			case theirs != "":
				missed++
				t.Errorf("systemd %d reports for %v: %s\n\tand we accept it", root.Version, p, theirs)
			case ours != "" && !newer[i]:
				wrong++
				t.Errorf("systemd %d accepts %v\n\tand we report: %s", root.Version, p, ours)
			}
		}
		t.Logf("systemd %d: %d probes, %d found, %d missed, %d false", root.Version, len(probes), found, missed, wrong)
	}
}

// The negative control: the comparison detects a type that accepts everything, and one that
// accepts nothing.
func TestBrokenTypeIsSeen(t *testing.T) {
	root := suite.All(t)[0]
	probes := []probe{{"Service", "RestartSec", "5 ticks"}, {"Service", "RestartSec", "5s"}}
	verdicts := ask(t, root, probes)
	good := kinds["span"]
	defer func() { kinds["span"] = good }()
	for name, broken := range map[string]func(*value, string){
		"takes anything": isAnything,
		"takes nothing":  func(v *value, _ string) { v.fault(v.text, "is wrong", "") },
	} {
		kinds["span"] = broken
		agree := true
		for i, p := range probes {
			agree = agree && (verdicts[i] != "") == (p.complaint(root.Version) != "")
		}
		if agree {
			t.Errorf("the comparison does not detect a type that %s", name)
		}
	}
}

// ask returns systemd's message for each probe's line, or "".
func ask(t *testing.T, root *suite.Root, probes []probe) []string {
	t.Helper()
	said := make([]string, len(probes))
	dir := t.TempDir()
	var files []string
	for i, p := range probes {
		file, err := suite.Write(dir, fmt.Sprintf("probe%d.%s", i, unitTypes[p.section]), fmt.Sprintf("[%s]\n%s=%s\n", p.section, p.name, p.value))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	all, err := root.Verify(t.Context(), files...)
	if err != nil {
		t.Fatal(err)
	}
	for i := range files {
		for _, s := range all[filepath.Base(files[i])] {
			// The machine lacks a feature; the value has no mistake.
			if s.Line == 2 && !strings.Contains(s.Text, "local system does not support") {
				said[i] += s.Text
			}
		}
	}
	return said
}
