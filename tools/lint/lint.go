package main

import (
	"bytes"
	"context"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bazelbuild/buildtools/build"
	"github.com/bazelbuild/buildtools/warn"

	"example.org/portable-walkthrough-go/tools/program"
)

// A check reads the files that it wants.
type check struct {
	name  string
	wants func(name string, content []byte) bool
	// find returns a line "FILE:LINE: what is wrong" for each finding.
	find func(name string, content []byte) ([]string, error)
}

// lint runs checks over all files of a tree, except those of git and Bazel.
func lint(tree fs.FS, checks []check) (findings []string, err error) {
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == ".git" {
			return fs.SkipDir
		}
		// Links such as bazel-bin are not regular files.
		if !d.Type().IsRegular() {
			return nil
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		for _, check := range checks {
			if !check.wants(name, content) {
				continue
			}
			found, err := check.find(name, content)
			if err != nil {
				return fmt.Errorf("%s: %s: %w", name, check.name, err)
			}
			findings = append(findings, found...)
		}
		return nil
	})
	return findings, err
}

// checks returns the checks for a workspace. With fix, they format files in place.
func checks(workspace string, shellcheck program.Program, fix bool) []check {
	formatted := func(name string, before, after []byte, command string) ([]string, error) {
		if bytes.Equal(before, after) {
			return nil, nil
		}
		if fix {
			return nil, os.WriteFile(filepath.Join(workspace, name), after, 0o644)
		}
		return []string{fmt.Sprintf("%s:%d: not formatted as %s does: bazel run //tools/lint", name, differs(before, after), command)}, nil
	}
	return []check{
		{"gofmt", isGo, func(name string, content []byte) ([]string, error) {
			after, err := format.Source(content)
			if err != nil {
				return nil, err
			}
			return formatted(name, content, after, "gofmt")
		}},
		{"buildifier", isStarlark, func(name string, content []byte) ([]string, error) {
			file, err := build.Parse(name, content)
			if err != nil {
				return nil, err
			}
			return formatted(name, content, build.Format(file), "buildifier")
		}},
		{"buildifier lint", isStarlark, buildifierWarnings},
		{"context arguments", isStarlark, newArguments},
		{"labels of platforms", isStarlark, newLabels(workspace)},
		{"visibility", isBuild, publicLibraries},
		{"links", isMarkdown, brokenLinks(workspace)},
		{"shellcheck", isShell, func(name string, _ []byte) ([]string, error) {
			return runShellcheck(shellcheck, workspace, name)
		}},
	}
}

// differs returns the number of the first line that differs.
func differs(a, b []byte) int {
	other := bytes.Split(b, []byte("\n"))
	for i, line := range bytes.Split(a, []byte("\n")) {
		if i >= len(other) || !bytes.Equal(line, other[i]) {
			return i + 1
		}
	}
	return 1
}

func isGo(name string, _ []byte) bool { return path.Ext(name) == ".go" }

func isStarlark(name string, _ []byte) bool {
	switch base := path.Base(name); base {
	case "BUILD", "BUILD.bazel", "MODULE.bazel", "WORKSPACE":
		return true
	default:
		return path.Ext(base) == ".bzl"
	}
}

func isBuild(name string, _ []byte) bool { return path.Base(name) == "BUILD.bazel" }

// guestPackage is an exception: other repositories' tests in virtual machines import it.
const guestPackage = "tools/vm/guest/BUILD.bazel"

// publicLibraries finds Go libraries that other modules could depend on. Other modules use
// only the rules, and the programs that these run.
func publicLibraries(name string, content []byte) ([]string, error) {
	file, err := build.Parse(name, content)
	if err != nil {
		return nil, err
	}
	if name == guestPackage {
		return nil, nil
	}
	var lines []string
	for _, rule := range file.Rules("go_library") {
		if slices.Contains(rule.AttrStrings("visibility"), "//visibility:public") {
			start, _ := rule.Call.Span()
			lines = append(lines, fmt.Sprintf("%s:%d: %s is public, but no go_library here needs to be; write visibility = [\"//:__subpackages__\"]", name, start.Line, rule.Name()))
		}
	}
	return lines, nil
}

// isShell recognizes programs by their first line. ShellCheck reads sourced files with the
// programs that source them, because it would not know their variables otherwise.
func isShell(_ string, content []byte) bool {
	first, _, _ := bytes.Cut(content, []byte("\n"))
	return bytes.HasPrefix(first, []byte("#!")) && bytes.HasSuffix(first, []byte("sh"))
}

func buildifierWarnings(name string, content []byte) ([]string, error) {
	file, err := build.Parse(name, content)
	if err != nil {
		return nil, err
	}
	file.Pkg = strings.TrimPrefix(path.Dir(name), ".")
	file.Label = path.Base(name)
	var lines []string
	for _, f := range warn.FileWarnings(file, warn.DefaultWarnings, nil, warn.ModeWarn, nil) {
		lines = append(lines, fmt.Sprintf("%s:%d: %s: %s", name, f.Start.Line, f.Category, f.Message))
	}
	return lines, nil
}

func runShellcheck(shellcheck program.Program, workspace, name string) ([]string, error) {
	args := []string{"--external-sources", "--check-sourced", "--format=gcc", "--severity=style", name}
	cmd := shellcheck.Command(context.Background(), args...)
	cmd.Dir = workspace
	cmd.Env = []string{"LC_ALL=C.UTF-8"}
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil, nil
	}
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 1 {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}
