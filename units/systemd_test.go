package units

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/squashfs"
	"example.org/portable-walkthrough-go/tools/suite"
)

const name = "portable-walkthrough-go"

// systemd finds no mistake in the shipped units.
func TestVerify(t *testing.T) {
	analyze, root := suite.Analyze(t), squashfs.Unpack(t, runfile.Of(t, "IMAGE"))
	verify := func() string {
		said, err := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", "--root="+root, name+".service", name+".socket").CombinedOutput()
		if err != nil && len(said) == 0 {
			t.Fatal(err)
		}
		return string(said)
	}
	if said := verify(); said != "" {
		t.Errorf("systemd says: %s", said)
	}
	// The negative control.
	unit := filepath.Join(root, "usr/lib/systemd/system", name+".service")
	edit(t, unit, func(text string) string { return strings.Replace(text, "NoNewPrivileges=", "NoNewPrivilege=", 1) })
	if said := verify(); !strings.Contains(said, "Unknown key") {
		t.Errorf("systemd does not see a misspelt directive: %q", said)
	}
}

// The sandbox has the rating that README.md states.
func TestSecurity(t *testing.T) {
	analyze := suite.Analyze(t)
	unit := filepath.Join(t.TempDir(), name+".service")
	text, err := os.ReadFile(name + ".service")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(unit, text, 0o644); err != nil {
		t.Fatal(err)
	}
	exposed := func() (bool, string) {
		// In tenths, as --threshold= has them.
		said, err := exec.CommandContext(t.Context(), analyze, "security", "--offline=yes", "--no-pager", "--threshold=4", unit).CombinedOutput()
		if len(said) == 0 {
			t.Fatal(err)
		}
		return err != nil, string(said)
	}
	if is, said := exposed(); is {
		t.Error(said)
	}
	// The negative control.
	edit(t, unit, func(text string) string { return strings.Replace(text, "PrivateNetwork=yes", "", 1) })
	if is, said := exposed(); !is {
		t.Errorf("with the host's network the rating is no worse: %s", said)
	}
}

func edit(t *testing.T, file string, change func(string) string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := change(string(text))
	if changed == string(text) {
		t.Fatalf("nothing to change in %s", file)
	}
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
}
