// Package ci tests the files for CI systems that users copy. See README.md.
package ci

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
	"gopkg.in/yaml.v3"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// A mistake is one that must be found: the file with after instead of before.
type mistake struct{ before, after, finding string }

// check verifies that the file that a variable names has no findings, and that each mistake in it
// is found.
func check(t *testing.T, variable string, findings func(*testing.T, string) []string, mistakes map[string]mistake) {
	t.Helper()
	path, err := runfile.Path(variable)
	if err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings(t, string(good)) {
		t.Error(finding)
	}
	for name, m := range mistakes {
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(good, []byte(m.before)) {
				t.Fatalf("the file no longer has %q; make the mistake elsewhere", m.before)
			}
			found := strings.Join(findings(t, strings.Replace(string(good), m.before, m.after, 1)), "\n")
			if !strings.Contains(found, m.finding) {
				t.Errorf("got %q, want a finding %q", found, m.finding)
			}
		})
	}
}

// shellcheck returns the words of a command that runs it.
func shellcheck(t *testing.T) []string {
	t.Helper()
	path, err := runfile.Path("SHELLCHECK")
	if err != nil {
		t.Fatal(err)
	}
	found, err := program.Find(path)
	if err != nil {
		t.Fatal(err)
	}
	// ShellCheck reads UTF-8.
	t.Setenv("LC_ALL", "C.UTF-8")
	return found.Words()
}

func workflow(t *testing.T, content string) []string {
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: strings.Join(shellcheck(t), " ")})
	if err != nil {
		t.Fatal(err)
	}
	errs, err := linter.Lint("github.yml", []byte(content), nil)
	if err != nil {
		t.Fatal(err)
	}
	var findings []string
	for _, e := range errs {
		findings = append(findings, e.Error())
	}
	parsed, _ := actionlint.Parse([]byte(content))
	if parsed == nil {
		return findings
	}
	for _, job := range parsed.Jobs {
		for _, step := range job.Steps {
			findings = append(findings, habits(step)...)
		}
	}
	return findings
}

var pinned = regexp.MustCompile(`@[0-9a-f]{40}$`)

// habits returns what actionlint allows and a file to copy should not teach.
func habits(step *actionlint.Step) []string {
	switch exec := step.Exec.(type) {
	case *actionlint.ExecAction:
		if !pinned.MatchString(exec.Uses.Value) {
			return []string{exec.Uses.Value + ": not pinned by a commit"}
		}
	case *actionlint.ExecRun:
		// The name of a branch would become part of the shell's program.
		if strings.Contains(exec.Run.Value, "${{") {
			return []string{exec.Run.Pos.String() + ": an expression in a script; pass it in env"}
		}
	}
	return nil
}

func TestGitHub(t *testing.T) {
	check(t, "GITHUB", workflow, map[string]mistake{
		"misspelt key":        {"    timeout-minutes: 60", "    timeout-minute: 60", `unexpected key "timeout-minute"`},
		"broken expression":   {"${{ github.ref == 'refs/heads/main' }}", "${{ github.ref = 'refs/heads/main' }}", "while lexing == operator"},
		"unknown runner":      {"runs-on: ubuntu-24.04", "runs-on: ubuntu-14.04", `label "ubuntu-14.04" is unknown`},
		"unquoted in shell":   {`>>"$GITHUB_PATH"`, `>>$GITHUB_PATH`, "SC2086"},
		"tag":                 {"actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1", "actions/checkout@v7", "not pinned"},
		"expression in shell": {`"$CACHE"`, `"${{ vars.BAZEL_CACHE }}"`, "an expression in a script"},
	})
}

// A pipeline has the keys of GitLab's that the file uses; another one is a mistake.
type pipeline struct {
	Variables map[string]string
	Workflow  struct{ Rules []struct{ If string } }
	Bazel     struct {
		Image, Timeout string
		Interruptible  bool
		Before         []string `yaml:"before_script"`
		Script         []string
		After          []string `yaml:"after_script"`
		Artifacts      struct {
			When    string
			Paths   []string
			Reports struct{ Junit string }
		}
	}
}

func gitlab(t *testing.T, content string) []string {
	var p pipeline
	decoder := yaml.NewDecoder(strings.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(&p); err != nil {
		return []string{err.Error()}
	}
	// As a runner puts them together, in POSIX's shell, which every image has.
	command := append(shellcheck(t), "--norc", "--shell=sh", "--severity=style", "--format=gcc", "-")
	var findings []string
	for _, lines := range [][]string{slices.Concat(p.Bazel.Before, p.Bazel.Script), p.Bazel.After} {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == 1) {
			t.Fatalf("shellcheck: %v: %s", err, out)
		}
		if len(out) > 0 {
			findings = append(findings, string(out))
		}
	}
	return findings
}

func TestGitLab(t *testing.T) {
	check(t, "GITLAB", gitlab, map[string]mistake{
		"misspelt key":      {"  artifacts:\n", "  artefacts:\n", "field artefacts not found"},
		"wrong type":        {"  interruptible: true", "  interruptible: sometimes", "cannot unmarshal"},
		"same key twice":    {"  timeout: 1h\n", "  timeout: 1h\n  timeout: 2h\n", "already defined"},
		"unquoted in shell": {`"$HOME/bin" out`, `$HOME/bin out`, "SC2086"},
		"not POSIX":         {`[ -n "$credential" ]`, `[[ -n $credential ]]`, "SC3010"},
	})
}
