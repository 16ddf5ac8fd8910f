// Package realservices tests images of other projects' services, as Debian packages them.
package realservices

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/checkportable/check"
)

var update = flag.Bool("update", false, "rewrite findings.golden: bazel run //tools/vm/realservices:realservices_test -- -update")

// TestFindings compares the checks' findings with findings.golden. The test in the virtual
// machine shows that its errors are real. The file has no notes, lines and texts, so that it
// does not change with a package's next revision. A service without findings has a line, too.
func TestFindings(t *testing.T) {
	var lines []string
	for _, name := range strings.Fields(os.Getenv("REPORTS")) {
		if filepath.Ext(name) != ".json" {
			continue
		}
		path, err := runfiles.Rlocation(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var report check.Report
		if err := json.Unmarshal(text, &report); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, target, _ := strings.Cut(report.Label, ":")
		service := strings.TrimSuffix(target, "_packaged")
		before := len(lines)
		for _, f := range report.Findings {
			if f.Severity != check.Note {
				lines = append(lines, fmt.Sprintf("%s %s %s", service, f.Severity, f.ID))
			}
		}
		if len(lines) == before {
			lines = append(lines, service+" nothing")
		}
	}
	slices.Sort(lines)
	got := strings.Join(slices.Compact(lines), "\n") + "\n"
	if *update {
		golden := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "tools/vm/realservices/findings.golden")
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("findings.golden")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the checks find\n%s\nfindings.golden has\n%s\nIf the change is right: %s", got, want, flag.Lookup("update").Usage)
	}
}
