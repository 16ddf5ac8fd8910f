package main

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/bazelbuild/buildtools/build"
)

const everybody = "//visibility:public"

// public lists the targets and files that other repositories can use, so that every addition is
// noticed.
func public(tree fs.FS) ([]string, error) {
	return lint(tree, []check{{"public", isStarlark, func(name string, content []byte) ([]string, error) {
		file, err := build.Parse(name, content)
		if err != nil {
			return nil, err
		}
		pkg := "//" + strings.TrimPrefix(path.Dir(name), ".")
		switch {
		case isBuild(name, content):
			return publicTargets(file, pkg), nil
		case path.Ext(name) == ".bzl":
			return publicStarlark(file, pkg, path.Base(name)), nil
		}
		return nil, nil
	}}})
}

// publicTargets are those of a package: rules and exported files. A name that is computed
// stands as it is written.
func publicTargets(file *build.File, pkg string) (found []string) {
	build.Walk(file, func(e build.Expr, _ []build.Expr) {
		call, ok := e.(*build.CallExpr)
		if !ok {
			return
		}
		rule := build.NewRule(call)
		switch rule.Kind() {
		case "package":
			if saysPublic(rule.Attr("default_visibility")) {
				found = append(found, pkg+":all")
			}
		case "exports_files":
			// Bazel's default, for these alone.
			if visibility := rule.Attr("visibility"); visibility == nil || saysPublic(visibility) {
				found = append(found, pkg+":"+build.FormatString(call.List[0]))
			}
		default:
			if !saysPublic(rule.Attr("visibility")) {
				return
			}
			name := rule.Name()
			if name == "" {
				name = build.FormatString(rule.Attr("name"))
			}
			found = append(found, pkg+":"+name)
		}
	})
	return found
}

// publicStarlark lists a .bzl file that does not restrict its visibility, and the targets that it
// makes public.
func publicStarlark(file *build.File, pkg, name string) (found []string) {
	loads := true
	for _, statement := range file.Stmt {
		if call, ok := statement.(*build.CallExpr); ok && build.NewRule(call).Kind() == "visibility" {
			loads = build.FormatString(call.List[0]) == `"public"`
		}
	}
	if loads {
		found = append(found, pkg+":"+name)
	}
	if saysPublic(file) {
		found = append(found, fmt.Sprintf("%s:%s: %s", pkg, name, everybody))
	}
	return found
}

func saysPublic(e build.Expr) (says bool) {
	if e == nil {
		return false
	}
	build.Walk(e, func(e build.Expr, _ []build.Expr) {
		text, ok := e.(*build.StringExpr)
		says = says || ok && text.Value == everybody
	})
	return says
}
