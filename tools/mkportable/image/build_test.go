package image

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/spec"
)

// asMksquashfs makes the test binary behave like a mksquashfs that has the
// trouble it names. The real one is run by the tests of //bzl/tests.
const asMksquashfs = "TEST_MKSQUASHFS_"

func TestMain(m *testing.M) {
	if trouble, ok := strings.CutPrefix(filepath.Base(os.Args[0]), asMksquashfs); ok {
		os.Exit(fakeMksquashfs(trouble))
	}
	os.Exit(m.Run())
}

// fakeMksquashfs writes its standard input to the output, then has its trouble.
func fakeMksquashfs(trouble string) int {
	output, err := os.Create(os.Args[2])
	if err != nil {
		panic(err)
	}
	switch trouble {
	case "nospace":
		_, _ = io.CopyN(output, os.Stdin, 100)
		_, _ = os.Stderr.WriteString("FATAL ERROR: Write failed because No space left on device\n")
		return 1
	case "early":
		return 0
	case "environment":
		_, _ = os.Stderr.WriteString(strings.Join(os.Environ(), " "))
	case "hang":
		time.Sleep(time.Hour)
	}
	if _, err := io.Copy(output, os.Stdin); err != nil {
		panic(err)
	}
	if trouble == "warning" {
		_, _ = os.Stdout.WriteString("\nIgnoring ./ in tar file\n")
	}
	return 0
}

// setUp returns a spec, and how to make an image of it with a fake mksquashfs.
func setUp(t *testing.T, trouble string, entries ...spec.Entry) (name string, fs *FileSystem) {
	t.Helper()
	dir := t.TempDir()
	mksquashfs := filepath.Join(dir, asMksquashfs+trouble)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, mksquashfs); err != nil {
		t.Fatal(err)
	}
	header := spec.Header{Label: "//:image", Name: "foo", Prefixes: []string{"foo"}, UnitDir: "/units"}
	var lines []string
	for _, line := range append([]any{header}, anys(entries)...) {
		text, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text))
	}
	name = filepath.Join(dir, "spec.jsonl")
	if err := os.WriteFile(name, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return name, &FileSystem{Output: filepath.Join(dir, "out.raw"), Mksquashfs: program.Program{Path: mksquashfs}, Compression: "zstd", Level: 1, BlockSize: 1 << 17}
}

func anys(entries []spec.Entry) (list []any) {
	for _, e := range entries {
		list = append(list, e)
	}
	return list
}

var (
	osRelease = spec.Entry{Path: "/usr/lib/os-release", Type: spec.File, Mode: "0644", Origin: "os_release in //:image"}
	service   = spec.Entry{Path: "/units/foo.service", Type: spec.File, Mode: "0644", Origin: "units in //:image"}
)

func TestBuildStreamsATarArchive(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 100_000)
	source := filepath.Join(t.TempDir(), "source")
	// Neither mode nor time of the source may show.
	if err := os.WriteFile(source, content, 0o600); err != nil {
		t.Fatal(err)
	}
	name, fs := setUp(t, "none", osRelease, service,
		spec.Entry{Path: "/usr/bin/foo", Type: spec.File, Mode: "0755", Source: source},
		spec.Entry{Path: "/tmp", Type: spec.Directory, Mode: "1755"},
		spec.Entry{Path: "/etc/mtab", Type: spec.Symlink, Target: "../proc/mounts"})
	if err := os.WriteFile(fs.Output, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Build(t.Context(), name, fs); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(fs.Output)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var got []string
	for archive := tar.NewReader(file); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || !h.ModTime.Equal(time.Unix(0, 0)) {
			t.Errorf("%s: a trace of the builder: %+v", h.Name, h)
		}
		got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
		if h.Name == "usr/bin/foo" {
			packed, err := io.ReadAll(archive)
			if err != nil || !bytes.Equal(packed, content) {
				t.Errorf("usr/bin/foo: %d bytes, %v, that are not the source's", len(packed), err)
			}
		}
	}
	want := `drwxr-xr-x dev/
drwxr-xr-x etc/
-rw-r--r-- etc/hosts
-rw-r--r-- etc/machine-id
Lrwxrwxrwx etc/mtab
-rw-r--r-- etc/resolv.conf
drwxr-xr-x proc/
drwxr-xr-x run/
drwxr-xr-x sys/
dtrwxr-xr-x tmp/
drwxr-xr-x units/
-rw-r--r-- units/foo.service
drwxr-xr-x usr/
drwxr-xr-x usr/bin/
-rwxr-xr-x usr/bin/foo
drwxr-xr-x usr/lib/
-rw-r--r-- usr/lib/os-release
drwxr-xr-x var/
Lrwxrwxrwx var/run
dtrwxrwxrwx var/tmp/`
	if strings.Join(got, "\n") != want {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
}

func TestBuildFailuresLeaveNoOutput(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for name, test := range map[string]struct {
		trouble string
		entries []spec.Entry
		want    string
	}{
		"no os-release":      {"none", []spec.Entry{service}, "no os-release"},
		"no unit":            {"none", []spec.Entry{osRelease}, `no unit in "/units"`},
		"other unit":         {"none", []spec.Entry{osRelease, service, {Path: "/units/bar.service", Type: spec.File, Mode: "0644", Origin: "units in //:image"}}, "(from units in //:image)"},
		"missing source":     {"none", []spec.Entry{osRelease, service, {Path: "/a", Type: spec.File, Mode: "0644", Source: missing, Origin: "files in //:image"}}, missing + ": no such file"},
		"directory as file":  {"none", []spec.Entry{osRelease, service, {Path: "/a", Type: spec.File, Mode: "0644", Source: "/", Origin: "files in //:image"}}, "not a regular file"},
		"device as file":     {"none", []spec.Entry{osRelease, service, {Path: "/a", Type: spec.File, Mode: "0644", Source: "/dev/null"}}, "not a regular file"},
		"full disk":          {"nospace", []spec.Entry{osRelease, service}, "No space left on device"},
		"mksquashfs warning": {"warning", []spec.Entry{osRelease, service}, "mksquashfs warned: Ignoring ./ in tar file"},
	} {
		t.Run(name, func(t *testing.T) {
			name, fs := setUp(t, test.trouble, test.entries...)
			if err := os.WriteFile(fs.Output, []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
			err := Build(t.Context(), name, fs)
			expect(t, err, test.want)
			expect(t, err, "//:image: ")
			left, err := filepath.Glob(fs.Output + "*")
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// The file is larger than the pipe's buffer, so mksquashfs ends or hangs while we still write.
func TestTroubleWhileWriting(t *testing.T) {
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, make([]byte, 4<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for trouble, want := range map[string]string{
		"nospace": "No space left on device",
		"early":   "it ended before it had read all, and said nothing",
		"hang":    "mksquashfs: stopped by the test",
	} {
		t.Run(trouble, func(t *testing.T) {
			name, fs := setUp(t, trouble, osRelease, service, spec.Entry{Path: "/a", Type: spec.File, Mode: "0644", Source: source})
			ctx := t.Context()
			if trouble == "hang" {
				ctx = stoppedWhenItRuns(t, fs)
			}
			expect(t, Build(ctx, name, fs), want)
		})
	}
}

// stoppedWhenItRuns returns a context that ends when mksquashfs has begun its output.
func stoppedWhenItRuns(t *testing.T, fs *FileSystem) context.Context {
	ctx, stop := context.WithCancelCause(t.Context())
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(fs.Output + ".partial"); err == nil {
				stop(errors.New("stopped by the test"))
			}
			time.Sleep(time.Millisecond)
		}
	}()
	return ctx
}

func TestUnreadableFile(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root can read everything")
	}
	source := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(source, nil, 0); err != nil {
		t.Fatal(err)
	}
	name, fs := setUp(t, "none", osRelease, service, spec.Entry{Path: "/a", Type: spec.File, Mode: "0644", Source: source, Origin: "files in //:image"})
	expect(t, Build(t.Context(), name, fs), source+": permission denied (from files in //:image)")
}

// mksquashfs fails with SOURCE_DATE_EPOCH and a time option together. TZ, LANG and HOME must
// not affect it.
func TestMksquashfsSeesNoEnvironment(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "12345")
	name, fs := setUp(t, "environment", osRelease, service)
	if err := Build(t.Context(), name, fs); err != nil {
		t.Errorf("mksquashfs saw an environment: %v", err)
	}
}

func TestCancelStopsMksquashfs(t *testing.T) {
	name, fs := setUp(t, "hang", osRelease, service)
	expect(t, Build(stoppedWhenItRuns(t, fs), name, fs), "mksquashfs: stopped by the test")
	if left, _ := filepath.Glob(fs.Output + "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Wrong settings are errors before anything is written.
func TestFileSystemCheck(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*FileSystem)
		want   string
	}{
		"good":                  {func(*FileSystem) {}, ""},
		"default level":         {func(fs *FileSystem) { fs.Level = 0 }, ""},
		"xz":                    {func(fs *FileSystem) { fs.Compression, fs.Level = "xz", 0 }, ""},
		"no output":             {func(fs *FileSystem) { fs.Output = "" }, "name it with --output"},
		"no mksquashfs":         {func(fs *FileSystem) { fs.Mksquashfs.Path = "" }, "name it with --mksquashfs"},
		"before 1970":           {func(fs *FileSystem) { fs.Timestamp = -1 }, "timestamp -1"},
		"after 2106":            {func(fs *FileSystem) { fs.Timestamp = 1 << 32 }, "from 0 to 4294967295"},
		"unknown compression":   {func(fs *FileSystem) { fs.Compression = "lzma" }, "choose gzip"},
		"level too high":        {func(fs *FileSystem) { fs.Level = 23 }, "from 1 to 22"},
		"level without meaning": {func(fs *FileSystem) { fs.Compression = "xz" }, "no levels"},
		"block not a power":     {func(fs *FileSystem) { fs.BlockSize = 5000 }, "power of two"},
		"block too large":       {func(fs *FileSystem) { fs.BlockSize = 2 << 20 }, "power of two"},
		"processors":            {func(fs *FileSystem) { fs.Processors = -1 }, "processors -1"},
		"memory":                {func(fs *FileSystem) { fs.Memory = -1 }, "memory -1"},
	} {
		t.Run(name, func(t *testing.T) {
			file, fs := setUp(t, "none", osRelease, service)
			test.change(fs)
			err := Build(t.Context(), file, fs)
			expect(t, err, test.want)
			if err != nil {
				expect(t, err, "//:image: ")
			}
		})
	}
}

// expect verifies that an error contains a text, or that there is none if the text is empty.
func expect(t *testing.T, err error, want string) {
	t.Helper()
	if got := fmt.Sprint(err); !strings.Contains(got, cmp.Or(want, "<nil>")) {
		t.Errorf("got error %q, want one that says %q", got, want)
	}
}
