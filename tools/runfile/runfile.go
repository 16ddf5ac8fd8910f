// Package runfile finds the files that Bazel gives to a test or to a program under
// bazel run, and those that the user of bazel run names on the command line. An
// environment variable has the runfiles location of a file that Bazel gives:
// env = {"X": "$(rlocationpath //label)"} in the BUILD file.
package runfile

import (
	"fmt"
	"os"
	"path/filepath"
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

// Argument returns a path of the command line as the user means it: relative to the
// directory in which bazel run was called, since Bazel starts programs in another one.
// An empty path stays empty.
func Argument(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(os.Getenv("BUILD_WORKING_DIRECTORY"), path)
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
