// Package program starts programs that come from another system than the one
// they run on: tools/provision/import lays PROGRAM into bin/, and its loader and
// libraries into lib/ beside that. A program without those is started as it is.
package program

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// A Program is one found by [Find].
type Program struct {
	Path string
	// Loader and Libraries are the dynamic loader and its library directory; empty
	// for a program of this machine.
	Loader, Libraries string
}

// Find looks at a program, through symbolic links such as Bazel's runfiles.
func Find(path string) (Program, error) {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Program{}, err
	}
	p := Program{Path: path}
	libraries := filepath.Join(filepath.Dir(filepath.Dir(path)), "lib")
	loaders, err := filepath.Glob(filepath.Join(libraries, "ld-linux*"))
	switch {
	case err != nil:
		return Program{}, err
	case len(loaders) > 1:
		return Program{}, fmt.Errorf("%q: several loaders for %q: %q", libraries, path, loaders)
	case len(loaders) == 1:
		p.Loader, p.Libraries = loaders[0], libraries
	}
	return p, nil
}

// Words are the command line that starts the program, by its loader if it has one.
func (p Program) Words(args ...string) []string {
	words := []string{p.Path}
	if p.Loader != "" {
		words = []string{p.Loader, "--library-path", p.Libraries, p.Path}
	}
	return append(words, args...)
}

// Command is exec.CommandContext for the program. It gets an empty environment.
func (p Program) Command(ctx context.Context, args ...string) *exec.Cmd {
	words := p.Words(args...)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Env = []string{} // not nil, which would mean ours
	return cmd
}
