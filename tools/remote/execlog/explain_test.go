package execlog

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// told is a line for each cause: what differs, whose, and who follows.
func told(e *Explanation) []string {
	var lines []string
	for _, c := range e.Causes {
		var words []string
		for _, d := range c.Differences {
			word := strings.TrimSpace(fmt.Sprintf("%s %s", d.Field, d.Name))
			switch {
			case d.Added:
				word += " +" + d.After
			case d.Removed:
				word += " -" + d.Before
			case d.Before != d.After:
				word += " " + d.Before + "→" + d.After
			}
			words = append(words, word)
		}
		line := fmt.Sprintf("%d: %s: %v", c.Misses(), strings.Join(words, ", "), c.Spawns)
		if len(c.Followers) > 0 {
			line += fmt.Sprintf(" then %v", c.Followers)
		}
		lines = append(lines, line)
	}
	return lines
}

const bin = "bazel-out/k8-fastbuild/bin/"

// before is an earlier build: b uses a, c uses b in its runfiles.
func before() []record {
	return []record{
		compile("//:a", bin+"a=A", "ka", "a.go=a"),
		compile("//:b", bin+"b=B", "kb", bin+"a=A", "b.go=b"),
		compile("//:c", bin+"c=C", "kc", bin+"b.runfiles/_main/b=B"),
	}
}

func TestExplain(t *testing.T) {
	cases := []struct {
		name string
		now  []record
		was  []record
		want []string
	}{
		{
			name: "a chain comes down to its root",
			now: []record{
				compile("//:c", bin+"c=C2", "kc2", bin+"b.runfiles/_main/b=B2"),
				compile("//:b", bin+"b=B2", "kb2", bin+"a=A2", "b.go=b"),
				compile("//:a", bin+"a=A2", "ka2", "a.go=a2"),
			},
			want: []string{"3: input a.go a/1→a2/2: [Compile of //:a] then [Compile of //:b Compile of //:c]"},
		},
		{
			name: "through a hit: somebody else built the root",
			now: []record{
				compile("//:a", bin+"a=A2", "ka2", "a.go=a2").hit(),
				compile("//:b", bin+"b=B2", "kb2", bin+"a=A2", "b.go=b"),
			},
			want: []string{"1: input a.go a/1→a2/2: [Compile of //:a] then [Compile of //:b]"},
		},
		{
			name: "what all have is told once, and beside it what one has",
			now: []record{
				compile("//:a", bin+"a=A2", "ka2", "a.go=a2").with("environmentVariables", []record{{"name": "PATH", "value": "/sbin"}}),
				compile("//:b", bin+"b=B2", "kb2", bin+"a=A2", "b.go=b").with("environmentVariables", []record{{"name": "PATH", "value": "/sbin"}}),
			},
			want: []string{
				"2: environment variable PATH /bin→/sbin: [Compile of //:a Compile of //:b]",
				"2: input a.go a/1→a2/2: [Compile of //:a] then [Compile of //:b]",
			},
		},
		{
			name: "each field",
			now: []record{
				compile("//:a", bin+"a=A2", "ka2", "x.go=x").
					with("commandArgs", []string{"compile", "-x", "-o", bin + "a"}).
					with("platform", record{"properties": []record{{"name": "pool", "value": "big"}}}).
					with("listedOutputs", []string{bin + "a", bin + "a.d"}).
					with("timeoutMillis", "60000"),
			},
			want: []string{"1: argument +-x, platform property pool +big, input a.go -a/1, input x.go +x/1, output +" + bin + "a.d, timeout 0s→60s: [Compile of //:a]"},
		},
		{
			name: "arguments in another order",
			now:  []record{compile("//:a", bin+"a=A", "ka2", "a.go=a").with("commandArgs", []string{"compile", bin + "a", "-o"})},
			want: []string{"1: argument order: [Compile of //:a]"},
		},
		{
			name: "a symlink that points elsewhere",
			was:  []record{compile("//:a", bin+"a=A", "ka").with("inputs", []record{{"path": "l", "symlinkTargetPath": "x"}})},
			now:  []record{compile("//:a", bin+"a=A", "ka2").with("inputs", []record{{"path": "l", "symlinkTargetPath": "y"}})},
			want: []string{"1: input l -> x→-> y: [Compile of //:a]"},
		},
		{
			name: "another configuration is one difference, not one for each path",
			was:  []record{compile("//:b", bin+"b=B", "kb", bin+"a=A", "b.go=b").with("environmentVariables", []record{{"name": "RUNFILES", "value": bin + "b.runfiles"}})},
			now:  []record{compile("//:b", "bazel-out/k8-opt/bin/b=B", "kb2", "bazel-out/k8-opt/bin/a=A", "b.go=b").with("environmentVariables", []record{{"name": "RUNFILES", "value": "bazel-out/k8-opt/bin/b.runfiles"}})},
			want: []string{"1: output configuration k8-fastbuild→k8-opt: [Compile of //:b]"},
		},
		{
			name: "new, lost, failed, without a cache, hidden",
			was: append(before(),
				compile("//:failed", bin+"failed", "kf").with("exitCode", 1),
				compile("//:nothing", bin+"nothing=N", "kn"),
				compile("//:stored", bin+"stored=S", ""),
			),
			now: []record{
				compile("//:new", bin+"new=N", "kn"),
				compile("//:a", bin+"a=A", "ka", "a.go=a"),
				compile("//:failed", bin+"failed", "kf"),
				compile("//:b", bin+"b=B", "", bin+"a=A", "b.go=b"),
				compile("//:nothing", bin+"nothing=N", "kn2"),
				compile("//:stored", bin+"stored=S", "ks"),
			},
			want: []string{
				"1: not in the previous log: [Compile of //:new]",
				"1: same key as before: [Compile of //:a]",
				"1: same key as before, when it failed: [Compile of //:failed]",
				"1: no cache was asked: [Compile of //:b]",
				"1: another key, but the logs show no difference: [Compile of //:nothing]",
				"1: same as before, when no cache was in use: [Compile of //:stored]",
			},
		},
		{
			name: "an action that is not reproducible has those miss that use its output",
			now: []record{
				compile("//:a", bin+"a=A2", "ka", "a.go=a"),
				compile("//:b", bin+"b=B2", "kb2", bin+"a=A2", "b.go=b"),
			},
			want: []string{
				"2: same key as before, output that the same key made otherwise " + bin + "a A/1→A2/2: [Compile of //:a] then [Compile of //:b]",
			},
		},
		{
			name: "a file that Bazel writes itself has no maker",
			now:  []record{compile("//:b", bin+"b=B2", "kb2", bin+"a=A2", "b.go=b")},
			want: []string{"1: input " + bin + "a A/1→A2/2: [Compile of //:b]"},
		},
		{
			name: "a file that only has the content of an unchanged output",
			now: []record{
				compile("//:c", bin+"c=C", "kc", bin+"b.runfiles/_main/b=B").hit(),
				compile("//:b", bin+"b=B2", "kb2", bin+"a=C", "b.go=b"),
			},
			want: []string{"1: input " + bin + "a A/1→C/1: [Compile of //:b]"},
		},
		{
			name: "of two that made the same content, the one with the input's path",
			was:  append(before(), compile("//:x", bin+"x=X", "kx", "x.go=x")),
			now: []record{
				compile("//:x", bin+"x=A2", "kx2", "x.go=x2"),
				compile("//:a", bin+"a=A2", "ka2", "a.go=a2"),
				compile("//:b", bin+"b=B2", "kb2", bin+"a=A2", "b.go=b"),
			},
			want: []string{
				"2: input a.go a/1→a2/2: [Compile of //:a] then [Compile of //:b]",
				"1: input x.go x/1→x2/2: [Compile of //:x]",
			},
		},
		{
			name: "an empty input is only of whom made it at its path",
			was:  append(before(), compile("//:x", bin+"x=X", "kx", "x.go=x")),
			now: []record{
				compile("//:x", bin+"x=", "kx2", "x.go=x2"),
				compile("//:b", bin+"b=B2", "kb2", bin+"a=", "b.go=b"),
				compile("//:c", bin+"c=C2", "kc2", bin+"b.runfiles/_main/b=B", bin+"x="),
			},
			want: []string{
				"2: input x.go x/1→x2/2: [Compile of //:x] then [Compile of //:c]",
				"1: input " + bin + "a A/1→/0: [Compile of //:b]",
			},
		},
		{
			name: "a copy is not the maker of its own input",
			now: []record{
				compile("//:b", bin+"b=A2", "kb2", bin+"a=A2", "b.go=b").with("timeoutMillis", "1000"),
			},
			want: []string{"1: input " + bin + "a A/1→A2/2, timeout 0s→1s: [Compile of //:b]"},
		},
		{
			name: "causes of as many spawns, but not of the same",
			now: []record{
				compile("//:a", bin+"a=A", "ka2", "a.go=a").with("commandArgs", []string{"compile", "-x", "-y", "-o", bin + "a"}),
				compile("//:b", bin+"b=B", "kb2", bin+"a=A", "b.go=b").with("commandArgs", []string{"compile", "-x", "-o", bin + "b"}),
				compile("//:c", bin+"c=C", "kc2", bin+"b.runfiles/_main/b=B").with("commandArgs", []string{"compile", "-y", "-o", bin + "c"}),
			},
			want: []string{
				"2: argument +-x: [Compile of //:a Compile of //:b]",
				"2: argument +-y: [Compile of //:a Compile of //:c]",
			},
		},
		{
			name: "arguments are told in their order",
			now:  []record{compile("//:a", bin+"a=A", "ka2", "a.go=a").with("commandArgs", []string{"compiler", "-O", bin + "a"})},
			want: []string{"1: argument compile→compiler, argument -o→-O: [Compile of //:a]"},
		},
		{
			name: "of several runs the most alike is compared",
			was: []record{
				compile("//:a", bin+"a=A", "k1", "a.go=1", "b.go=1"),
				compile("//:a", bin+"a=A", "k2", "a.go=2", "b.go=1"),
			},
			now:  []record{compile("//:a", bin+"a=A", "k3", "a.go=2", "b.go=2")},
			want: []string{"1: input b.go 1/1→2/1: [Compile of //:a]"},
		},
		{
			name: "what no cache may keep, or a hit, is no miss",
			now: []record{
				compile("//:a", bin+"a=A2", "ka2", "a.go=a2").hit(),
				compile("//:b", bin+"b=B2", "kb2", "b.go=b2").with("cacheable", false),
				compile("//:c", bin+"c=C2", "", "c.go=c2").with("remoteCacheable", false),
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.was == nil {
				c.was = before()
			}
			e := Explain(read(t, c.now), read(t, c.was))
			if got := told(e); !slices.Equal(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}
