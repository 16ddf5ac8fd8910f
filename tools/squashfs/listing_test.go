package squashfs

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// makeImage packs a directory that prepare has changed, with further arguments for
// mksquashfs.
func makeImage(t *testing.T, prepare func(t *testing.T, root string), args ...string) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "root")
	for name, content := range map[string]string{"etc/empty": "", "etc/file": "content", "etc/same": "content", "a name\\with": "more"} {
		write(t, root, name, content)
	}
	if err := os.Symlink("file", filepath.Join(root, "etc/link")); err != nil {
		t.Fatal(err)
	}
	prepare(t, root)
	image := filepath.Join(t.TempDir(), "image.raw")
	args = append([]string{root, image, "-quiet", "-no-progress", "-all-root", "-all-time", "0", "-mkfs-time", "0"}, args...)
	mksquashfs, err := runfile.Program("MKSQUASHFS")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := mksquashfs.Command(t.Context(), args...).CombinedOutput(); err != nil {
		t.Fatalf("mksquashfs: %v: %s", err, out)
	}
	return image
}

func write(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func nothing(*testing.T, string) {}

func TestList(t *testing.T) {
	var got []string
	for _, e := range List(t, makeImage(t, nothing)) {
		got = append(got, fmt.Sprint(e.Path, " ", e.Fields))
	}
	empty, content := "sha256:e3b0c44298fc1c14", "sha256:ed7002b439e9ac84"
	want := []string{
		"/ map[gid:0 mode:0755 time:0 type:directory uid:0]",
		`/a name\with map[content:sha256:187897ce0afcf20b gid:0 mode:0644 size:4 time:0 type:file uid:0]`,
		"/etc map[gid:0 mode:0755 time:0 type:directory uid:0]",
		"/etc/empty map[content:" + empty + " gid:0 mode:0644 size:0 time:0 type:file uid:0]",
		"/etc/file map[content:" + content + " gid:0 mode:0644 size:7 time:0 type:file uid:0]",
		"/etc/link map[gid:0 mode:0777 target:file time:0 type:symlink uid:0]",
		"/etc/same map[content:" + content + " gid:0 mode:0644 size:7 time:0 type:file uid:0]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Diff reports each difference with its path and field, and nothing else.
func TestDiff(t *testing.T) {
	plain := makeImage(t, nothing)
	for name, test := range map[string]struct {
		prepare func(t *testing.T, root string)
		args    []string
		want    []string
	}{
		"nothing": {prepare: nothing},
		"content": {func(t *testing.T, root string) { write(t, root, "etc/same", "CONTENT") }, nil,
			[]string{"/etc/same: content sha256:ed7002b439e9ac84, against sha256:"}},
		"size": {func(t *testing.T, root string) { write(t, root, "etc/empty", "x") }, nil,
			[]string{"/etc/empty: size 0, against 1", "/etc/empty: content sha256:"}},
		"mode": {func(t *testing.T, root string) {
			if err := os.Chmod(filepath.Join(root, "etc"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, nil, []string{"/etc: mode 0755, against 0700"}},
		"target": {func(t *testing.T, root string) {
			link := filepath.Join(root, "etc/link")
			if err := os.Remove(link); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("same", link); err != nil {
				t.Fatal(err)
			}
		}, nil, []string{"/etc/link: target file, against same"}},
		"path": {func(t *testing.T, root string) {
			if err := os.Rename(filepath.Join(root, "etc/file"), filepath.Join(root, "etc/moved")); err != nil {
				t.Fatal(err)
			}
		}, nil, []string{"/etc/file: only in the first", "/etc/moved: only in the second"}},
		"type": {func(t *testing.T, root string) {
			if err := os.Remove(filepath.Join(root, "etc/empty")); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(root, "etc/empty"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, nil, []string{"/etc/empty: type file, against directory", "/etc/empty: size 0, against none", "/etc/empty: content sha256:"}},
		"hard link": {func(t *testing.T, root string) {
			if err := os.Remove(filepath.Join(root, "etc/same")); err != nil {
				t.Fatal(err)
			}
			if err := os.Link(filepath.Join(root, "etc/file"), filepath.Join(root, "etc/same")); err != nil {
				t.Fatal(err)
			}
		}, nil, []string{"/etc/same: type file, against hard link", "/etc/same: mode 0644, against none", "/etc/same: uid 0, against none",
			"/etc/same: gid 0, against none", "/etc/same: time 0, against none", "/etc/same: size 7, against none",
			"/etc/same: content sha256:ed7002b439e9ac84, against none", "/etc/same: target none, against etc/file",
			"file system: Number of inodes 7, against Number of inodes 6"}},
		"owner": {nothing, []string{"-force-gid", "7"}, []string{
			"/: gid 0, against 7", "/a name\\with: gid", "/etc: gid", "/etc/empty: gid", "/etc/file: gid", "/etc/link: gid", "/etc/same: gid",
			"file system: Number of ids 1, against Number of ids 2"}},
		"time": {nothing, []string{"-all-time", "1"}, []string{
			"/: time 0, against 1", "/a name\\with: time", "/etc: time", "/etc/empty: time", "/etc/file: time", "/etc/link: time", "/etc/same: time"}},
		"time of making": {nothing, []string{"-mkfs-time", "1"},
			[]string{"file system: Creation or last append time Thu Jan  1 00:00:00 1970, against Creation or last append time Thu Jan  1 00:00:01 1970"}},
		"block size": {nothing, []string{"-b", "4096"}, []string{"file system: Block size 131072, against Block size 4096"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Diff(t, plain, makeImage(t, test.prepare, test.args...))
			// Every difference changes a byte, and often the size.
			test.want = append(test.want, "bytes: the first that differs is at ")
			if name == "nothing" {
				test.want = nil
			}
			got = slices.DeleteFunc(got, func(line string) bool { return strings.HasPrefix(line, "file system: Filesystem size ") })
			if !slices.EqualFunc(got, test.want, strings.HasPrefix) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"))
			}
		})
	}
}

// Bytes behind the file system are no path's; still they differ.
func TestDiffOfBytesAlone(t *testing.T) {
	plain := makeImage(t, nothing)
	content, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.raw")
	if err := os.WriteFile(other, append(content, 'x'), 0o644); err != nil {
		t.Fatal(err)
	}
	got := Diff(t, plain, other)
	if want := fmt.Sprintf("bytes: the first that differs is at %d", len(content)); len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatIsNoImage(t *testing.T) {
	name := filepath.Join(t.TempDir(), "no image")
	if err := os.WriteFile(name, []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ForTest(t).Diff(t.Context(), makeImage(t, nothing), name); err == nil || !strings.Contains(err.Error(), "no image") {
		t.Errorf("got %v, want an error that names the file", err)
	}
	if _, err := ForTest(t).Diff(t.Context(), name, filepath.Join(t.TempDir(), "missing")); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v, want an error that names the file", err)
	}
}
