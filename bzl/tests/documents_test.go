package tests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// documents takes the image's inventory, and returns its SBOM and its provenance. Each tool
// gets the environment.
func (a *action) documents(t *testing.T, env []string) map[string][]byte {
	t.Helper()
	const manifest, inventory = "made/manifest", "made/inventory.json"
	image := runfile.Of(t, "IMAGE")
	collect := slices.DeleteFunc(slices.Clone(a.inventory), func(flag string) bool {
		return strings.HasPrefix(flag, "--output=") || strings.HasPrefix(flag, "--manifest=")
	})
	made := map[string][]byte{}
	for _, command := range [][]string{
		{"MKPORTABLE", "--spec=" + listedFile, "--manifest=" + manifest},
		append(collect, "--spec="+listedFile, "--targets="+targetsFile, "--manifest="+manifest, "--output="+inventory),
		{"MKSBOM", "--inventory=" + inventory, "--image=" + image, "--output=made/SBOM"},
		{"MKPROVENANCE", "--inventory=" + inventory, "--image=" + image, "--output=made/PROVENANCE"},
	} {
		if strings.HasPrefix(command[0], "--") {
			command = append([]string{"COLLECT"}, command...)
		}
		cmd := exec.CommandContext(t.Context(), runfile.Of(t, command[0]), command[1:]...)
		cmd.Dir, cmd.Env = a.root, env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command[0], err, out)
		}
	}
	for _, name := range []string{"SBOM", "PROVENANCE"} {
		content, err := os.ReadFile(filepath.Join(a.root, "made", name))
		if err != nil {
			t.Fatal(err)
		}
		made[name] = content
	}
	return made
}

// The documents have the bytes that Bazel's own actions wrote, whatever the user, the place
// and the time.
func TestDocumentsHaveTheSameBytesWhateverTheCircumstances(t *testing.T) {
	for name, test := range map[string]struct {
		action func(*testing.T, string) *action
		umask  int
		env    []string
	}{
		"linked inputs": {linkAction, 0o022, []string{}},
		"other place":   {newAction, 0o077, []string{"TZ=Pacific/Kiritimati", "LANG=tr_TR.UTF-8", "SOURCE_DATE_EPOCH=1234567890", "HOME=/nowhere", "USER=nobody", "TMPDIR=/nowhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := syscall.Umask(test.umask)
			t.Cleanup(func() { syscall.Umask(before) })
			made := test.action(t, runfile.Of(t, "ACTION")).documents(t, test.env)
			for name, content := range made {
				if want, err := os.ReadFile(runfile.Of(t, name)); err != nil || !bytes.Equal(content, want) {
					t.Errorf("%s, %v:\n%s\nBazel's is\n%s", name, err, content, want)
				}
			}
		})
	}
}

// The negative control: another input gives other documents.
func TestOtherInputsGiveOtherDocuments(t *testing.T) {
	a := newAction(t, runfile.Of(t, "ACTION"))
	if err := os.WriteFile(a.sourceIn(t, listedFile, "/usr/lib/os-release"), []byte("ID=other\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, content := range a.documents(t, []string{}) {
		if bazels, err := os.ReadFile(runfile.Of(t, name)); err != nil || bytes.Equal(content, bazels) {
			t.Errorf("%s: the same, %v", name, err)
		}
	}
}

// No path of the machine that built, no user and no host is in the documents.
func TestNothingOfTheBuilderIsInTheDocuments(t *testing.T) {
	paths, names := builder(t, runfile.Of(t, "IMAGE"))
	for _, name := range []string{"SBOM", "PROVENANCE"} {
		content, err := os.ReadFile(runfile.Of(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range append(paths, names...) {
			// The paths of inputs are bazel-bin/… without a configuration.
			if word != "/bazel-bin/" && bytes.Contains(content, []byte(word)) {
				t.Errorf("%s has %q", name, word)
			}
		}
	}
}
