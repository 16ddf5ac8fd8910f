package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/bazelbuild/buildtools/build"
)

// contextArguments are the arguments that Bazel 7.4 to 7.7 know of methods of repository_ctx
// and module_ctx. Bazel 8 renamed stripPrefix, and takes both names.
// https://bazel.build/versions/7.7.0/rules/lib/builtins/repository_ctx
var contextArguments = map[string]string{
	"download":             "url output sha256 executable allow_fail canonical_id auth headers integrity block",
	"download_and_extract": "url output sha256 type stripPrefix allow_fail canonical_id auth headers integrity rename_files",
	"extract":              "archive output stripPrefix rename_files watch_archive",
	"execute":              "arguments timeout environment quiet working_directory",
	"file":                 "path content executable legacy_utf8",
	"patch":                "patch_file strip watch_patch",
	"read":                 "path watch",
	"symlink":              "target link_name",
	"template":             "path template substitutions executable watch_template",
}

// newArguments finds arguments of repository contexts that Bazel 7 does not know. Only a
// build that downloads runs such a line.
func newArguments(name string, content []byte) ([]string, error) {
	file, err := build.Parse(name, content)
	if err != nil {
		return nil, err
	}
	var lines []string
	build.Walk(file, func(expr build.Expr, _ []build.Expr) {
		call, ok := expr.(*build.CallExpr)
		if !ok {
			return
		}
		method, ok := call.X.(*build.DotExpr)
		if !ok {
			return
		}
		// By the habit of naming it.
		object, ok := method.X.(*build.Ident)
		arguments, checked := contextArguments[method.Name]
		if !ok || !strings.HasSuffix(object.Name, "ctx") || !checked {
			return
		}
		known := strings.Fields(arguments)
		for _, argument := range call.List {
			assigned, ok := argument.(*build.AssignExpr)
			if !ok {
				continue
			}
			if word, ok := assigned.LHS.(*build.Ident); ok && !slices.Contains(known, word.Name) {
				start, _ := argument.Span()
				lines = append(lines, fmt.Sprintf("%s:%d: %s has no argument %s in Bazel 7; it has: %s", name, start.Line, method.Name, word.Name, strings.Join(known, ", ")))
			}
		}
	})
	return lines, nil
}

// platforms has a line "LABEL RELEASE" for each label of @platforms that is used here.
//
//go:embed platforms.txt
var platforms string

// newLabels finds labels of @platforms that the release in a workspace's MODULE.bazel lacks.
func newLabels(workspace string) func(name string, content []byte) ([]string, error) {
	since := map[string]string{}
	for line := range strings.Lines(platforms) {
		if fields := strings.Fields(line); len(fields) == 2 {
			since[fields[0]] = fields[1]
		}
	}
	declared := sync.OnceValues(func() (string, error) { return dependency(workspace, "platforms") })
	return func(name string, content []byte) ([]string, error) {
		file, err := build.Parse(name, content)
		if err != nil {
			return nil, err
		}
		var lines []string
		build.Walk(file, func(expr build.Expr, _ []build.Expr) {
			label, ok := expr.(*build.StringExpr)
			if !ok || err != nil || !strings.HasPrefix(label.Value, "@platforms//") {
				return
			}
			at := fmt.Sprintf("%s:%d: %s", name, label.Start.Line, label.Value)
			release, ok := since[label.Value]
			if !ok {
				lines = append(lines, at+" is not in tools/lint/platforms.txt; add it, with the release that brought it")
				return
			}
			var version string
			version, err = declared()
			if err == nil && older(version, release) {
				lines = append(lines, fmt.Sprintf("%s is not in platforms %s, which MODULE.bazel declares; declare %s", at, version, release))
			}
		})
		return lines, err
	}
}

// dependency returns the version that a workspace's MODULE.bazel declares of a module.
func dependency(workspace, module string) (string, error) {
	path := filepath.Join(workspace, "MODULE.bazel")
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	file, err := build.ParseModule(path, content)
	if err != nil {
		return "", err
	}
	for _, rule := range file.Rules("bazel_dep") {
		if rule.Name() == module {
			return rule.AttrString("version"), nil
		}
	}
	return "", fmt.Errorf("%s: no bazel_dep(name = %q)", path, module)
}

// older compares versions X.Y.Z.
func older(a, b string) bool {
	numbers := func(version string) (n [3]int) {
		_, _ = fmt.Sscanf(version, "%d.%d.%d", &n[0], &n[1], &n[2])
		return n
	}
	x, y := numbers(a), numbers(b)
	return slices.Compare(x[:], y[:]) < 0
}
