package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// git runs git in a repository, without a user's or the machine's settings.
type git struct{ directory string }

func (g git) run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", g.directory, "-c", "safe.directory=*", "-c", "core.quotePath=false"}, args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "HOME=/nowhere"}
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, bytes.TrimSpace(said.Bytes()))
	}
	return out, nil
}

// lines returns the output of a command as lines.
func (g git) lines(ctx context.Context, args ...string) ([]string, error) {
	out, err := g.run(ctx, args...)
	if err != nil || len(out) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), nil
}

// file is a committed file's content.
func (g git) file(ctx context.Context, ref, name string) (string, error) {
	out, err := g.run(ctx, "show", ref+":"+name)
	return string(out), err
}

// tar returns the committed tree as a tar archive, below a directory of that name. It overrides
// the repository's own settings that affect the bytes.
func (g git) tar(ctx context.Context, ref, below string) ([]byte, error) {
	return g.run(ctx, "-c", "tar.umask=0022", "-c", "core.autocrlf=false", "-c", "core.eol=lf",
		"archive", "--format=tar", "--prefix="+below+"/", ref)
}
