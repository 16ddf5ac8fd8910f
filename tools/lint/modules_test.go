package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// A module is a line of modules.txt.
type module struct{ open, closed, why string }

func parseModules(t *testing.T, table string) map[string]module {
	t.Helper()
	modules := map[string]module{}
	for line := range strings.Lines(table) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 3 {
			t.Fatalf("modules.txt: %q has no name and two versions", line)
		}
		if _, twice := modules[fields[0]]; twice {
			t.Errorf("modules.txt: %s is there twice", fields[0])
		}
		modules[fields[0]] = module{fields[1], fields[2], strings.Join(fields[3:], " ")}
	}
	return modules
}

// compare returns what is wrong with a table, given the versions that MODULE.bazel
// declares and those that the closed world has; closed is nil in the open world.
func compare(table map[string]module, declared, closed map[string]string) (wrong []string) {
	complain := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	for name, version := range declared {
		if line, ok := table[name]; !ok {
			complain("MODULE.bazel declares %s: add it to modules.txt", name)
		} else if line.open != version {
			complain("MODULE.bazel declares %s %s, but %s is selected: declare that", name, version, line.open)
		}
	}
	for name, version := range closed {
		if line, ok := table[name]; !ok {
			complain("the closed world has %s: add it to modules.txt", name)
		} else if line.closed != version {
			complain("the closed world has %s %s, but modules.txt says %s: correct it", name, version, line.closed)
		}
	}
	for name, line := range table {
		if line.open != line.closed && line.why == "" {
			complain("%s is %s in the open world and %s in the closed world: give the reason in modules.txt", name, line.open, line.closed)
		}
		if line.open == line.closed && line.why != "" {
			complain("%s is %s in both worlds: remove the reason from modules.txt", name, line.open)
		}
		if _, ok := closed[name]; closed != nil && !ok {
			complain("the closed world has no %s: remove it from modules.txt", name)
		}
	}
	return wrong
}

func declaredModules(t *testing.T) map[string]string {
	declared := map[string]string{}
	for _, dep := range regexp.MustCompile(`(?m)^bazel_dep\(name = "([^"]+)", version = "([^"]+)"`).FindAllStringSubmatch(read(t, "MODULE.bazel"), -1) {
		declared[dep[1]] = dep[2]
	}
	if len(declared) < 5 {
		t.Fatalf("MODULE.bazel declares only %v", declared)
	}
	return declared
}

// closedModules are lines "NAME VERSION" that provisioning wrote of the MODULE.bazel of
// each module, or nil in the open world.
func closedModules(t *testing.T) map[string]string {
	content, err := os.ReadFile(runfile.Of(t, "CLOSED_WORLD"))
	if err != nil {
		t.Fatal(err)
	}
	if len(content) == 0 {
		return nil
	}
	closed := map[string]string{}
	for line := range strings.Lines(string(content)) {
		name, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		closed[name] = version
	}
	// WORKSPACE mode has rules_go under another name, from an archive.
	closed["io_bazel_rules_go"] = find(t, archives, `rules_go/releases/download/v([^/]+)/`)
	return closed
}

// The two worlds have the same modules, or a reason; and MODULE.bazel declares what is
// selected, or every build would warn.
func TestTwoWorlds(t *testing.T) {
	closed := closedModules(t)
	if closed == nil {
		t.Log("in the open world: only MODULE.bazel is compared")
	}
	for _, wrong := range compare(parseModules(t, read(t, "tools/lint/modules.txt")), declaredModules(t), closed) {
		t.Error(wrong)
	}
}

// The negative control.
func TestDifferencesAreFound(t *testing.T) {
	table := "# a comment\na 1 1\nb 2 1 older\n"
	for want, test := range map[string]struct {
		table            string
		declared, closed map[string]string
	}{
		"":                              {table, map[string]string{"a": "1"}, map[string]string{"a": "1", "b": "1"}},
		"MODULE.bazel declares c":       {table, map[string]string{"c": "1"}, nil},
		"declares a 2, but 1 is":        {table, map[string]string{"a": "2"}, nil},
		"the closed world has c":        {table, nil, map[string]string{"a": "1", "b": "1", "c": "1"}},
		"has b 2, but modules.txt says": {table, nil, map[string]string{"a": "1", "b": "2"}},
		"the closed world has no b":     {table, nil, map[string]string{"a": "1"}},
		"give the reason":               {"a 1 2\n", nil, nil},
		"remove the reason":             {"a 1 1 older\n", nil, nil},
	} {
		wrong := strings.Join(compare(parseModules(t, test.table), test.declared, test.closed), "\n")
		if want == "" && wrong != "" || !strings.Contains(wrong, want) {
			t.Errorf("got %q, want %q", wrong, want)
		}
	}
}
