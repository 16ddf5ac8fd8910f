package ci

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// schema is GitLab's own of .gitlab-ci.yml.
func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	path, err := runfile.Path("SCHEMA")
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	// Its patterns are JavaScript's, which Go's regexp does not take.
	compiler.UseRegexpEngine(func(pattern string) (jsonschema.Regexp, error) {
		compiled, err := regexp2.Compile(pattern, regexp2.ECMAScript)
		return (*pattern2)(compiled), err
	})
	compiled, err := compiler.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

type pattern2 regexp2.Regexp

func (p *pattern2) String() string { return (*regexp2.Regexp)(p).String() }

func (p *pattern2) MatchString(s string) bool {
	matched, err := (*regexp2.Regexp)(p).MatchString(s)
	return err == nil && matched
}

// A job is what of it is looked at.
type job struct {
	Before []string `yaml:"before_script"`
	Script []string `yaml:"script"`
	After  []string `yaml:"after_script"`
}

// pipeline returns what is wrong with a .gitlab-ci.yml.
func pipeline(t *testing.T, content string) []string {
	t.Helper()
	var document any
	if err := yaml.Unmarshal([]byte(content), &document); err != nil {
		return []string{err.Error()}
	}
	var findings []string
	var invalid *jsonschema.ValidationError
	if err := schema(t).Validate(document); errors.As(err, &invalid) {
		findings = append(findings, fmt.Sprintf("%#v", invalid))
	} else if err != nil {
		t.Fatal(err)
	}
	var jobs map[string]yaml.Node
	if err := yaml.Unmarshal([]byte(content), &jobs); err != nil {
		return append(findings, err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		var j job
		node := jobs[name]
		if err := node.Decode(&j); err != nil {
			// Not a job, or one that the schema has refused.
			continue
		}
		// As a runner puts them together.
		findings = append(findings, inShell(t, name+": script", slices.Concat(j.Before, j.Script))...)
		findings = append(findings, inShell(t, name+": after_script", j.After)...)
	}
	return findings
}

// inShell has ShellCheck read a script as POSIX's shell, the least that an image has.
func inShell(t *testing.T, name string, lines []string) []string {
	t.Helper()
	if len(lines) == 0 {
		return nil
	}
	command, err := shellcheck()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command[0], append(command[1:], "--norc", "--shell=sh", "--severity=style", "--format=gcc", "-")...)
	cmd.Env = []string{"LC_ALL=C.UTF-8"}
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && exit.ExitCode() == 1:
		return []string{name + ": " + string(bytes.TrimSpace(out))}
	}
	t.Fatalf("shellcheck: %v: %s", err, out)
	return nil
}

func TestGitLab(t *testing.T) {
	good, err := example()
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range pipeline(t, good) {
		t.Error(finding)
	}
	for name, bad := range map[string]struct{ old, new, want string }{
		"misspelt key":          {"  artifacts:\n", "  artefacts:\n", "artefacts"},
		"misspelt report":       {"      junit:", "      junits:", "junits"},
		"wrong type":            {"  interruptible: true", "  interruptible: sometimes", "interruptible"},
		"job without a script":  {"  script:\n", "  scripts:\n", "scripts"},
		"same key twice":        {"  timeout: 1h\n", "  timeout: 1h\n  timeout: 2h\n", "already defined"},
		"bad indentation":       {"  before_script:\n", " before_script:\n", "yaml:"},
		"unquoted in shell":     {`"$HOME/bin" out`, `$HOME/bin out`, "SC2086"},
		"shell that ends early": {"      fi\n      if [ -z", "      if [ -z", "SC1"},
		"not POSIX":             {`[ -n "$credential" ]`, `[[ -n $credential ]]`, "SC3010"},
		"after_script":          {`[ -e "$HOME/$command.json" ]`, `[ -e $HOME/$command.json ]`, "after_script: -:"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, good, bad.old, bad.new, bad.want, pipeline)
		})
	}
}
