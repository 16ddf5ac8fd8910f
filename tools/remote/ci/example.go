// Package ci holds the examples for CI systems to what these accept. See README.md.
package ci

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// example returns the content of the example that is tested.
func example() (string, error) {
	path, err := runfile.Path("EXAMPLE")
	if err != nil {
		return "", err
	}
	content, err := os.ReadFile(path)
	return string(content), err
}

// shellcheck returns the words of a command that runs it.
func shellcheck() ([]string, error) {
	path, err := runfile.Path("SHELLCHECK")
	if err != nil {
		return nil, err
	}
	program, err := program.Find(path)
	if err != nil {
		return nil, fmt.Errorf("shellcheck: %w", err)
	}
	return program.Words(), nil
}

// refused is the negative control: the example with a mistake in it is refused.
func refused(t *testing.T, good, old, mistake, want string, check func(*testing.T, string) []string) {
	t.Helper()
	if !strings.Contains(good, old) {
		t.Fatalf("the example has no %q any more; make the mistake elsewhere", old)
	}
	findings := strings.Join(check(t, strings.Replace(good, old, mistake, 1)), "\n")
	if !strings.Contains(findings, want) {
		t.Errorf("got %q, want a finding %q", findings, want)
	}
}
