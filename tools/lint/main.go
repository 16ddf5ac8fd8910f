// Lint checks the workspace's sources with gofmt, buildifier (format and warnings) and
// ShellCheck, and checks the links of pages. gazelle and go vet have targets of their own:
// //tools/lint:gazelle_test and //tools/lint:nogo.
//
//	bazel test //tools/lint:all    reports findings
//	bazel run //tools/lint         formats Go and Starlark, then reports findings
package main

import (
	"fmt"
	"os"

	"example.org/portable-walkthrough-go/tools/runfile"
)

func main() {
	workspace := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if workspace == "" {
		fmt.Fprintln(os.Stderr, "lint: run me with: bazel run //tools/lint")
		os.Exit(2)
	}
	shellcheck, err := runfile.Program("SHELLCHECK")
	if err == nil {
		var findings []string
		findings, err = lint(os.DirFS(workspace), checks(workspace, shellcheck, true))
		for _, finding := range findings {
			fmt.Println(finding)
		}
		if len(findings) > 0 {
			os.Exit(1)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lint:", err)
		os.Exit(1)
	}
}
