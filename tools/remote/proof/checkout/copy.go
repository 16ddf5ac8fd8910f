package checkout

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// copyWorkspace copies what git knows or would take, as it is now, but for the permissions
// that a umask takes away.
func copyWorkspace(from, into string, umask fs.FileMode) error {
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
	cmd.Dir = from
	names, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(names), "\x00"), "\x00") {
		// Who deleted a file has not told git yet.
		if err := copyFile(filepath.Join(from, name), filepath.Join(into, name), umask); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func copyFile(from, into string, umask fs.FileMode) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(into), 0o777&^umask); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, into)
	}
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(into, text, info.Mode().Perm()&^umask)
}

// linkWorld gives tools/bazel another cache directory, with what takes long to fetch: hard
// links to the packages and modules that the user has. What names its own path is not
// linked, and so is made anew. With Bazelisk there is nothing to link. It returns what is
// to be added to the environment.
func linkWorld(workspace, into string) ([]string, error) {
	const script = `
set -euo pipefail
workspace=$1
source "$workspace/tools/provision/world.sh"
world_locate
mkdir -p -- "$2/portable-walkthrough-go"
[[ -e $world/bazelrc ]] || exit 0
for path in "$sysroot" "$sysroot.sums" "$cache"/{gomod,gocache}; do
  cp --archive --link -- "$path" "$2/portable-walkthrough-go" 2>/dev/null ||
    cp --archive --reflink=auto -- "$path" "$2/portable-walkthrough-go"
done
# The test sees the sysroot's apt, which knows no mirror.
sed -nE 's/^common --repo_env=(PROVISION_MIRROR=)/\1/p' "$world/bazelrc"`
	var said bytes.Buffer
	cmd := exec.Command("bash", "-c", script, "bash", workspace, into)
	cmd.Stderr = &said
	env, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("linking the provisioned world: %w: %s", err, &said)
	}
	return append(strings.Fields(string(env)), "XDG_CACHE_HOME="+into), nil
}
