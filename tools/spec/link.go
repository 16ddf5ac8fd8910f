package spec

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// For an unresolved symlink (ctx.actions.declare_symlink), Bazel knows the target but not the file
// behind it. So it is packed as a symlink, and never followed: the file belongs to the machine and
// is in no cache key.

// asLink makes a symlink of a file whose source is an unresolved symlink. Bazel 7 does not have
// is_symlink, so asLink then examines the source itself.
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
		// It is not a symlink, or it leads to a file that Bazel knows. Opening it reports other errors.
		return nil
	}
	*e = Entry{Path: e.Path, Type: Symlink, Owner: e.Owner, Target: target, Origin: e.Origin}
	return nil
}

// isOutput reports whether a path belongs to the output of an action.
func isOutput(source string) bool { return strings.HasPrefix(source, "bazel-out/") }

// madeByBazel reports whether Bazel made a symlink to stage a file for an action: it leads to the
// same path in another directory or, without a sandbox, to another path of this one.
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

// stagedFrom returns the directory from which a symlink stages a path: /x for a/b staged from
// /x/a/b. The configuration in bazel-out/CONFIGURATION/bin may differ (path mapping).
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

// links are the targets of the image's symlinks, by path.
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

// maxLinks is the number of symlinks after which Linux gives up (path_resolution(7)).
const maxLinks = 40

// resolve follows the symlinks in a path. For a loop it returns the path itself.
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
