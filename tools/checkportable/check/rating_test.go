package check

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/suite"
)

var overall = regexp.MustCompile(`Overall exposure level for [^:]+: ([0-9.]+)`)

// The report's ratings of the unit under each profile are systemd's own.
func TestRatingsAreSystemds(t *testing.T) {
	for _, root := range suite.All(t) {
		if root.Version < 252 {
			continue // it rates only what runs
		}
		profiles, err := filepath.Glob(filepath.Join(root.Dir, "usr/lib/systemd/portable/profile/*/service.conf"))
		if err != nil || len(profiles) != 4 {
			t.Fatalf("profiles of systemd %d: %q, %v", root.Version, profiles, err)
		}
		for _, name := range []string{"testdata/rating.bare.service", "testdata/rating.some.service", "testdata/rating.tight.service"} {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			unit := filepath.Join(t.TempDir(), "foo.service")
			if err := os.WriteFile(unit, text, 0o600); err != nil {
				t.Fatal(err)
			}
			u := &Unit{Name: "foo.service"}
			u.add(name, text)
			rating := (&Image{Units: []*Unit{u}}).ratings()[0]
			says := map[string]float64{}
			for _, profile := range profiles {
				said, err := root.Command(t.Context(), "usr/bin/systemd-analyze", "security", "--offline=yes", "--no-pager", "--profile="+profile, unit).CombinedOutput()
				match := overall.FindSubmatch(said)
				if match == nil {
					t.Fatalf("systemd %d: %v: %s", root.Version, err, said)
				}
				says[filepath.Base(filepath.Dir(profile))], _ = strconv.ParseFloat(string(match[1]), 64)
			}
			t.Logf("systemd %d, %s: %v, we %s", root.Version, name, says, rating)
			for i, p := range rating.Profiles {
				if math.Abs(says[p.Name]-p.Exposure) > 0.4 {
					t.Errorf("systemd %d, %s: %s is %.1f, we say %.1f", root.Version, name, p.Name, says[p.Name], p.Exposure)
				}
				if i > 0 && says[p.Name] < says[rating.Profiles[i-1].Name] {
					t.Errorf("systemd %d, %s: %v, we say %s", root.Version, name, says, rating)
				}
			}
		}
	}
}

// The tightest profile is in the report.
func TestReportRates(t *testing.T) {
	var text strings.Builder
	if err := run(t, "testdata/base.txtar", Options{}).WriteText(&text); err != nil {
		t.Fatal(err)
	}
	if want := "\nfoo.service: strict "; !strings.Contains(text.String(), want) {
		t.Errorf("%q is not in:\n%s", want, &text)
	}
}
