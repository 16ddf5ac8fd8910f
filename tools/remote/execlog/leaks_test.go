package execlog

import (
	"strings"
	"testing"
)

const bin = "bazel-out/k8-fastbuild/bin/"

func TestLeaks(t *testing.T) {
	spawn := func() record { return compile("//:a", bin+"a=A", "ka", "a.go=a") }
	const secret = "s3cret"
	for name, c := range map[string]struct {
		spawn record
		// want is part of the error, or empty if there is no leak.
		want string
	}{
		"nothing":          {spawn(), ""},
		"argument":         {spawn().with("commandArgs", []string{"--token=s3cret"}), `the argument holds`},
		"variable's value": {spawn().with("environmentVariables", []record{{"name": "TOKEN", "value": "s3cret"}}), `the environment variable "TOKEN" holds`},
		"variable's name":  {spawn().with("environmentVariables", []record{{"name": "s3cret", "value": ""}}), `the environment variable "s3cret" holds`},
		"property":         {spawn().with("platform", record{"properties": []record{{"name": "pool", "value": "s3cret"}}}), `the platform property "pool" holds`},
		"input":            {spawn().with("inputs", files("home/s3cret/a=a")), `the input "home/s3cret/a" holds`},
		"target":           {spawn().with("inputs", []record{{"path": "l", "symlinkTargetPath": "/home/s3cret"}}), `the input "l" holds`},
		"output":           {spawn().with("listedOutputs", []string{"s3cret"}), `the output holds`},
		"not in the key":   {spawn().with("runner", "s3cret").with("status", "s3cret"), ""},
	} {
		leaks, err := Leaks(logOf(t, spawn(), c.spawn), "absent", secret)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c.want == "" && len(leaks) > 0:
			t.Errorf("%s: found %v", name, leaks)
		case c.want != "" && len(leaks) != 1:
			t.Errorf("%s: found %v, want one", name, leaks)
		case c.want != "" && !strings.Contains(leaks[0].Error(), c.want):
			t.Errorf("%s: got %q, want %q in it", name, leaks[0], c.want)
		}
	}
}

// A search that could find nothing must not seem to have found nothing.
func TestLeaksRefusesToSearchForNothing(t *testing.T) {
	for _, forbidden := range [][]string{nil, {""}, {"a", ""}} {
		if _, err := Leaks(logOf(t), forbidden...); err == nil {
			t.Errorf("%q: no error", forbidden)
		}
	}
	if _, err := Leaks(strings.NewReader("{"), "a"); err == nil {
		t.Error("half a log: no error")
	}
}
