// Package nested has what a program under bazel run needs to start another Bazel.
package nested

import (
	"errors"
	"os"
	"strings"
)

// Workspace is the root of the workspace that bazel run was called in.
func Workspace() (string, error) {
	path := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if path == "" {
		return "", errors.New("$BUILD_WORKSPACE_DIRECTORY is not set: start this with bazel run, not with bazel test")
	}
	return path, nil
}

// Environ is the environment without what bazel run has said to this program.
func Environ() []string {
	var env []string
	for _, variable := range os.Environ() {
		switch {
		case strings.HasPrefix(variable, "BUILD_"), strings.HasPrefix(variable, "RUNFILES_"), strings.HasPrefix(variable, "TEST_"):
		default:
			env = append(env, variable)
		}
	}
	return env
}
