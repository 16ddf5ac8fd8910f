package ci

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/rhysd/actionlint"
)

// workflow returns what is wrong with a workflow of GitHub Actions.
func workflow(t *testing.T, content string) []string {
	t.Helper()
	command, err := shellcheck()
	if err != nil {
		t.Fatal(err)
	}
	// What ShellCheck reads is UTF-8.
	t.Setenv("LC_ALL", "C.UTF-8")
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{Shellcheck: strings.Join(command, " ")})
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
	if parsed != nil {
		findings = append(findings, habits(parsed)...)
	}
	return findings
}

var pinned = regexp.MustCompile(`@[0-9a-f]{40}$`)

// habits returns what actionlint allows and an example should not teach.
func habits(workflow *actionlint.Workflow) []string {
	var findings []string
	for _, job := range workflow.Jobs {
		if job.TimeoutMinutes == nil {
			findings = append(findings, job.ID.Value+": no timeout-minutes")
		}
		for _, step := range job.Steps {
			switch exec := step.Exec.(type) {
			case *actionlint.ExecAction:
				if !pinned.MatchString(exec.Uses.Value) {
					findings = append(findings, exec.Uses.Value+": not pinned by a commit")
				}
			case *actionlint.ExecRun:
				// Whoever names a branch would write the shell's program.
				if strings.Contains(exec.Run.Value, "${{") {
					findings = append(findings, exec.Run.Pos.String()+": an expression in a script; hand it over in env")
				}
			}
		}
	}
	return findings
}

func TestGitHub(t *testing.T) {
	good, err := example()
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range workflow(t, good) {
		t.Error(finding)
	}
	for name, bad := range map[string]struct{ old, new, want string }{
		"misspelt key":          {"    timeout-minutes: 60", "    timeout-minute: 60", `unexpected key "timeout-minute"`},
		"unknown event":         {"  pull_request:\n", "  pull_requests:\n", `unknown Webhook event "pull_requests"`},
		"broken expression":     {"${{ github.ref == 'refs/heads/main' }}", "${{ github.ref = 'refs/heads/main' }}", "while lexing == operator"},
		"unknown context":       {"${{ vars.BAZEL_CACHE }}", "${{ variables.BAZEL_CACHE }}", `undefined variable "variables"`},
		"unknown runner":        {"runs-on: ubuntu-24.04", "runs-on: ubuntu-14.04", `label "ubuntu-14.04" is unknown`},
		"bad indentation":       {"    steps:\n", "   steps:\n", "could not parse"},
		"unquoted in shell":     {`>>"$GITHUB_PATH"`, `>>$GITHUB_PATH`, "SC2086"},
		"shell that ends early": {"          fi\n", "", "SC1"},
		"tag":                   {"actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "actions/checkout@v5", "not pinned"},
		"expression in shell":   {`"$CACHE"`, `"${{ vars.BAZEL_CACHE }}"`, "an expression in a script"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, good, bad.old, bad.new, bad.want, workflow)
		})
	}
}
