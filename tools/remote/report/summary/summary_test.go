package summary

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unique"

	"example.org/portable-walkthrough-go/tools/remote/buildevents"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

var update = flag.Bool("update", false, "rewrite the goldens: bazel run //tools/remote/report/summary:summary_test -- -update")

// The logs are a real Bazel's; handcut and crashed are written by hand. proof_test -update,
// in ../proof, makes the real ones anew.
func TestGolden(t *testing.T) {
	cases := []struct {
		// golden is the file's name; .md is Markdown.
		golden, events, log, previous string
		limit                         int
	}{
		{golden: "warm.txt", events: "warm", log: "warm"},
		{golden: "idle.txt", events: "idle", log: "idle"},
		{golden: "edited.txt", events: "edited", log: "edited", previous: "warm"},
		{golden: "edited.md", events: "edited", log: "edited", previous: "warm"},
		{golden: "edited-alone.txt", events: "edited", log: "edited", limit: 2},
		{golden: "edited-events.txt", events: "edited"},
		{golden: "environment.txt", events: "environment", log: "environment", previous: "warm"},
		{golden: "environment-limit.txt", events: "environment", log: "environment", previous: "warm", limit: 1},
		{golden: "broken.txt", events: "broken", log: "broken", previous: "warm"},
		{golden: "broken.md", events: "broken"},
		{golden: "handcut.txt", events: "handcut"},
		{golden: "handcut.md", events: "handcut"},
		{golden: "remote.txt", events: "remote", log: "remote", previous: "warm"},
		{golden: "crashed.txt", events: "crashed"},
		{golden: "another.txt", events: "environment", log: "edited", limit: 1},
	}
	for _, c := range cases {
		t.Run(c.golden, func(t *testing.T) {
			in := Input{Build: events(t, c.events), Log: log(t, c.log), Previous: log(t, c.previous), Limit: c.limit}
			if in.Limit == 0 {
				in.Limit = 10
			}
			var got bytes.Buffer
			write := func() error { return New(in).WriteText(&got, false) }
			if strings.HasSuffix(c.golden, ".md") {
				write = func() error { return New(in).WriteMarkdown(&got) }
			}
			if err := write(); err != nil {
				t.Fatal(err)
			}
			if *update {
				path := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "tools/remote/report/summary/testdata", c.golden)
				if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(filepath.Join("testdata", c.golden))
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("got\n%s\n%s has\n%s\nIf that is meant: bazel run //tools/remote/report/summary:summary_test -- -update", &got, c.golden, want)
			}
			if strings.HasSuffix(c.golden, ".txt") {
				for line := range strings.Lines(got.String()) {
					if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > Columns {
						t.Errorf("a line of %d columns: %q", n, line)
					}
				}
			}
		})
	}
}

func events(t *testing.T, name string) *buildevents.Build {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".events.json"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := buildevents.Read(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func log(t *testing.T, name string) []*execlog.Spawn {
	t.Helper()
	if name == "" {
		return nil
	}
	file, err := os.Open(filepath.Join("testdata", name+".log.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	spawns, err := execlog.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	return spawns
}

// A build that was killed has told something until then, wherever the file ends.
func TestCutEvents(t *testing.T) {
	text, err := os.ReadFile("testdata/warm.events.json")
	if err != nil {
		t.Fatal(err)
	}
	first := bytes.IndexByte(text, '\n')
	for end := first + 1; end < len(text)-1; end += 101 {
		b, err := buildevents.Read(bytes.NewReader(text[:end]))
		if err != nil {
			t.Fatalf("cut at %d: %v", end, err)
		}
		var got strings.Builder
		if err := New(Input{Build: b, Limit: 10}).WriteText(&got, false); err != nil {
			t.Fatal(err)
		}
		if b.Complete || !strings.Contains(got.String(), "The events stop") {
			t.Errorf("cut at %d: the report does not say that events are missing:\n%s", end, &got)
		}
	}
}

// With remote execution Bazel writes more, and in another place.
func TestCriticalPathOfRemoteExecution(t *testing.T) {
	const shares = "[parse: 0.13%, queue: 0.00%, network: 15.87%, upload: 32.00%, setup: 0.00%, process: 0.00%, fetch: 1.73%, retry: 0.00%, processOutputs: 0.00%, other: 44.53%, input files: 3, input bytes: 1719, memory bytes: 0]"
	s := criticalPath(&buildevents.Build{CriticalPath: "Critical Path: 83.24s, Remote (94.47% of the time): " + shares + `
  0.00s runfiles for //:program_test
  0.75s, Remote (94.27% of the time): ` + shares + ` action 'Executing genrule //:link'
  81.33s action 'Copying what's here'`}, 10)
	got := []string{s.aside}
	for _, r := range s.rows {
		got = append(got, r.figures[0]+" "+r.text)
	}
	got = append(got, s.more)
	want := []string{
		"1 min 23 s, its end first",
		"750 ms Executing genrule //:link",
		"1 min 21 s Copying what's here",
		"94 % of it remote: network 16 %, upload 32 %, other 45 %",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

// A cluster is not sent what it has: what one of its processes made, or the same twice. What
// is executed here is read here.
func TestRemoteInputs(t *testing.T) {
	file := func(content string, size int64) execlog.Input {
		return execlog.Input{Handle: unique.Make(execlog.File{Path: content, Digest: execlog.Digest{Hash: content, SizeBytes: size}})}
	}
	source, tool, object := file("source", 1), file("tool", 10), file("object", 100)
	got := remoteInputs([]*execlog.Spawn{
		{Runner: execlog.Remote, Inputs: []execlog.Input{source, tool}, Made: []execlog.Input{object}},
		{Runner: execlog.Remote, Inputs: []execlog.Input{object, tool}},
		{Runner: execlog.Remote, CacheHit: true, Inputs: []execlog.Input{file("asked", 1000)}},
		{Runner: execlog.RemoteCacheHit, Inputs: []execlog.Input{file("known", 10_000)}},
		{Runner: "linux-sandbox", Inputs: []execlog.Input{file("local", 100_000)}},
	})
	if got != 11 {
		t.Errorf("got %d B, want 11", got)
	}
}

func TestDescribe(t *testing.T) {
	input := func(name string) execlog.Difference {
		return execlog.Difference{Field: execlog.InputFile, Name: name, Before: "aaaaaaaaa/1", After: "bbbbbbbbb/2"}
	}
	added, removed := input("sdk/src/os/z.go"), input("sdk/src/os/a.go")
	added.Added, removed.Removed = true, true
	environment := execlog.Difference{Field: execlog.EnvironmentVariable, Name: "GOROOT", After: "sdk"}
	for _, c := range []struct {
		differences []execlog.Difference
		want        []string
	}{
		{[]execlog.Difference{environment, input("a")}, []string{"input a: aaaaaaaa… (1 B) → bbbbbbbb… (2 B)", `environment variable GOROOT: "" → "sdk"`}},
		{
			[]execlog.Difference{environment, input("sdk/src/os/b.go"), input("sdk/src/net/c.go"), input("sdk/src/net/http/d.go"), input("sdk/src/e.go"), added, removed},
			[]string{
				"6 inputs below sdk/src/: 4 changed, 1 added, 1 removed; the first:",
				"input sdk/src/os/b.go: aaaaaaaa… (1 B) → bbbbbbbb… (2 B)",
				`environment variable GOROOT: "" → "sdk"`,
			},
		},
		{
			[]execlog.Difference{input("a/a"), input("a/b"), input("a/c"), input("a/d"), input("a/e"), input("b/f")},
			[]string{"6 inputs: 6 changed, 0 added, 0 removed; the first:", "input a/a: aaaaaaaa… (1 B) → bbbbbbbb… (2 B)"},
		},
		{
			[]execlog.Difference{input("/a/a"), input("/a/b"), input("/a/c"), input("/a/d"), input("/a/e"), input("/b/f")},
			[]string{"6 inputs: 6 changed, 0 added, 0 removed; the first:", "input /a/a: aaaaaaaa… (1 B) → bbbbbbbb… (2 B)"},
		},
		{
			slices.Repeat([]execlog.Difference{environment}, 7),
			append(slices.Repeat([]string{environment.String()}, 5), "and 2 more"),
		},
	} {
		if got := describe(c.differences); !slices.Equal(got, c.want) {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
		}
	}
}

func TestColours(t *testing.T) {
	var plain, coloured strings.Builder
	r := New(Input{Build: events(t, "broken"), Log: log(t, "broken"), Previous: log(t, "warm"), Limit: 10})
	if err := r.WriteText(&plain, false); err != nil {
		t.Fatal(err)
	}
	if err := r.WriteText(&coloured, true); err != nil {
		t.Fatal(err)
	}
	stripped := coloured.String()
	for _, style := range []string{bold, red, green, yellow, faint, reset} {
		stripped = strings.ReplaceAll(stripped, style, "")
	}
	if stripped != plain.String() {
		t.Errorf("without colours\n%q\nwith\n%q", &plain, &coloured)
	}
	if !strings.HasPrefix(coloured.String(), red) {
		t.Error("a broken build is not red")
	}
}

// What comes from a log must not become markup.
func TestMarkdownEscapes(t *testing.T) {
	r := &Report{title: "a|b", sections: []section{{heading: "h", rows: []row{{figures: []string{"1"}, text: "<img> @someone\n| `x`", details: []string{"*_[#]"}}}}}}
	var got strings.Builder
	if err := r.WriteMarkdown(&got); err != nil {
		t.Fatal(err)
	}
	const want = "| 1 | &lt;img&gt; &#64;someone \\| \\`x\\`<br>\\*\\_\\[&#35;] |\n"
	if !strings.Contains(got.String(), want) {
		t.Errorf("got\n%s\nwant in it\n%s", &got, want)
	}
}
