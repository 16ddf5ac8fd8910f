package check

import (
	"os"
	"strings"
	"testing"
)

// The checks report on every unit and never panic: the test puts each line of package grammar's
// comparison with systemd alone into a unit of its type.
func TestAnyLine(t *testing.T) {
	probes, err := os.ReadFile("../grammar/testdata/probes.tsv")
	if err != nil {
		t.Fatal(err)
	}
	img := readFixture(t, "testdata/exec-missing.misspelt.bad.txtar").open(t)
	base, found := *img.Units[0], 0
	for line := range strings.Lines(string(probes)) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(fields) != 3 {
			continue
		}
		kind := strings.ToLower(fields[0])
		if kind == "unit" || kind == "install" {
			kind = "target"
		}
		unit := &Unit{Name: "foo." + kind, Entry: base.Entry, File: base.File, image: img}
		unit.add(base.File, []byte("["+fields[0]+"]\n"+fields[1]+"="+fields[2]+"\n"))
		img.Units = []*Unit{unit}
		found += len(Run(img).Findings)
	}
	if found < 1000 {
		t.Errorf("only %d findings", found)
	}
}
