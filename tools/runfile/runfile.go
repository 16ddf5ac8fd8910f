// Package runfile finds the files that Bazel gives to a test or to a program under
// bazel run. An environment variable has a file's runfiles location:
// env = {"X": "$(rlocationpath //label)"} in the BUILD file.
package runfile

import (
	"fmt"
	"os"
	"testing"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/program"
)

// Path returns the path of the file that an environment variable names.
func Path(variable string) (string, error) {
	location := os.Getenv(variable)
	if location == "" {
		return "", fmt.Errorf("$%s is not set: start this with bazel test or bazel run", variable)
	}
	path, err := runfiles.Rlocation(location)
	if err != nil {
		return "", fmt.Errorf("$%s: %w", variable, err)
	}
	return path, nil
}

// Program returns the program that an environment variable names.
func Program(variable string) (program.Program, error) {
	path, err := Path(variable)
	if err != nil {
		return program.Program{}, err
	}
	return program.Find(path)
}

// Of is [Path] for a test, which fails without the file.
func Of(t testing.TB, variable string) string {
	t.Helper()
	path, err := Path(variable)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
