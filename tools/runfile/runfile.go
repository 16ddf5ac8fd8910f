// Package runfile finds the files that Bazel gives to a test or to a program under
// bazel run.
package runfile

import (
	"fmt"
	"os"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// Path returns the path of the file whose runfiles location an environment variable
// holds: env = {"X": "$(rlocationpath //label)"} in the BUILD file.
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
