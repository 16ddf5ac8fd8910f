package starlarkdoc

import (
	"fmt"
	"strings"

	"github.com/bazelbuild/buildtools/build"
)

// RenderSource makes the same page of a file's source, if all that it has are functions. It
// is for files that starlark_doc_extract can't read, since what they load is not there.
func RenderSource(file string, source []byte) (string, error) {
	parsed, err := build.ParseBzl(file, source)
	if err != nil {
		return "", err
	}
	module := newMessage()
	module.scalars["file"] = []string{file}
	for i, statement := range parsed.Stmt {
		if text, ok := statement.(*build.StringExpr); ok && i == 0 {
			module.scalars["module_docstring"] = []string{text.Value}
		}
		if function, ok := statement.(*build.DefStmt); ok && !strings.HasPrefix(function.Name, "_") {
			m, err := functionInfo(function)
			if err != nil {
				return "", fmt.Errorf("%s: %s: %w", file, function.Name, err)
			}
			module.messages["func_info"] = append(module.messages["func_info"], m)
		}
	}
	return render(module)
}

func functionInfo(function *build.DefStmt) (*message, error) {
	m := newMessage()
	m.scalars["function_name"] = []string{function.Name}
	var docstring string
	if text, ok := function.Body[0].(*build.StringExpr); ok {
		docstring = text.Value
	}
	text, args, _ := strings.Cut(strings.ReplaceAll(docstring, "\n    ", "\n"), "\nArgs:\n")
	m.scalars["doc_string"] = []string{text}
	described := descriptions(args)
	for _, parameter := range function.Params {
		p := newMessage()
		name, value := parameter, ""
		if assign, ok := parameter.(*build.AssignExpr); ok {
			name, value = assign.LHS, build.FormatString(assign.RHS)
			p.scalars["default_value"] = []string{value}
		}
		ident, ok := name.(*build.Ident)
		if !ok {
			return nil, fmt.Errorf("%s is no named parameter", build.FormatString(parameter))
		}
		p.scalars["name"] = []string{ident.Name}
		p.scalars["doc_string"] = []string{described[ident.Name]}
		m.messages["parameter"] = append(m.messages["parameter"], p)
		delete(described, ident.Name)
	}
	for name := range described {
		return nil, fmt.Errorf("it describes %s, which it has not", name)
	}
	return m, nil
}

// descriptions are those of a docstring's Args, by name: "    NAME: TEXT", and further
// lines, which are indented more.
func descriptions(args string) map[string]string {
	described := make(map[string]string)
	var last string
	for _, line := range strings.Split(strings.TrimRight(args, " \n"), "\n") {
		name, text, ok := strings.Cut(strings.TrimPrefix(line, "    "), ": ")
		switch {
		case ok && !strings.HasPrefix(name, " "):
			last = name
			described[name] = text
		case last != "":
			described[last] += "\n" + strings.TrimSpace(line)
		}
	}
	return described
}
