package check

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite README.md's table and what fixtures want: bazel run //tools/checkportable/check:check_test -- -update '-test.run=Readme|Fixtures'")

const tableStart, tableEnd = "<!-- The table is made from the registry. -->\n", "<!-- End of the table. -->\n"

// The README's table agrees with the registry of checks.
func TestReadme(t *testing.T) {
	var table strings.Builder
	table.WriteString("| identifier | severity | finds that | on a host | why it matters |\n| --- | --- | --- | --- | --- |\n")
	for _, c := range All {
		if c.ID == "" || c.Finds == "" || c.Why == "" {
			t.Errorf("the check %+v does not explain itself", c)
		}
		severity := string(c.Severity)
		for _, milder := range c.Milder {
			severity += " or " + string(milder)
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s | %s |\n", c.ID, severity, c.Finds, cmp.Or(string(c.Host), "–"), c.Why)
	}
	name := "../README.md"
	if *update {
		name = filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "tools/checkportable/README.md")
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableStart)
	_, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("README.md has no table between %q and %q", tableStart, tableEnd)
	}
	want := before + tableStart + table.String() + tableEnd + after
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("README.md's table is not the registry's: %s", flag.Lookup("update").Usage)
	}
}
