package spec

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// An unresolved symlink (ctx.actions.declare_symlink) is an input that Bazel knows the
// target of, and not the file that this leads to. So it is packed as the symlink that it
// is, and never read through: what is at its end is the machine's, and no cache key has it.

// asLink makes a symlink of a file whose source is an unresolved one. Without is_symlink,
// which Bazel has since version 8, the source itself must tell.
func (e *Entry) asLink(known bool) error {
	if e.Source == "" || e.Type != Symlink && (known || e.Type != File) {
		return nil
	}
	target, err := os.Readlink(e.Source)
	switch {
	case e.Type == Symlink && err != nil:
		return fmt.Errorf("%q: read symlink: %w", e.Path, err)
	case e.Type == Symlink:
	case err != nil || !isOutput(e.Source) || madeByBazel(e.Source, target):
		// No symlink, or one to a file that Bazel knows. What opens it tells other errors.
		return nil
	}
	*e = Entry{Path: e.Path, Type: Symlink, Owner: e.Owner, Target: target, Origin: e.Origin}
	return nil
}

// isOutput is whether a path is that of something that an action made.
func isOutput(source string) bool { return strings.HasPrefix(source, "bazel-out/") }

// madeByBazel tells whether a symlink was made to bring a file to an action: it leads to the
// same path in another directory, or, without a sandbox, to another path of this one.
func madeByBazel(source, target string) bool {
	if !filepath.IsAbs(target) {
		return false
	}
	if _, ok := stagedFrom(source, target); ok {
		return true
	}
	here, err := os.Getwd()
	return err == nil && strings.HasPrefix(target, here+"/")
}

// stagedFrom is the directory that a symlink brings a path from: of /x/a/b for a/b it is /x.
// The configuration in bazel-out/CONFIGURATION/bin may differ (path mapping).
func stagedFrom(source, target string) (root string, ok bool) {
	if root, ok = strings.CutSuffix(target, "/"+source); ok || !isOutput(source) {
		return root, ok
	}
	_, below, _ := strings.Cut(strings.TrimPrefix(source, "bazel-out/"), "/")
	configured, ok := strings.CutSuffix(target, "/"+below)
	if !ok || path.Base(path.Dir(configured)) != "bazel-out" {
		return "", false
	}
	return path.Dir(path.Dir(configured)), true
}

// links are where the image's symlinks lead, by path.
type links map[string]string

func linksOf(entries []*Entry) links {
	all := links{}
	for _, e := range entries {
		if e.Type == Symlink {
			all[e.Path] = e.Target
		}
	}
	return all
}

// maxLinks is where Linux gives up (path_resolution(7)).
const maxLinks = 40

// resolve follows the symlinks in a path. Of a loop it returns the path itself.
func (all links) resolve(name string) string {
	at, rest := "/", strings.Split(strings.Trim(name, "/"), "/")
	for followed := 0; len(rest) > 0; {
		next := path.Join(at, rest[0])
		rest = rest[1:]
		target, ok := all[next]
		if !ok {
			at = next
			continue
		}
		if followed++; followed > maxLinks {
			return name
		}
		rest = append(strings.Split(target, "/"), rest...)
	}
	return at
}
