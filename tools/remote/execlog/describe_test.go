package execlog

import "testing"

func TestDifferenceString(t *testing.T) {
	const hash = "0123456789abcdef"
	for want, d := range map[string]Difference{
		`argument: "-a" → "-b"`:                               {Field: Argument, Before: "-a", After: "-b"},
		`argument: added, ""`:                                 {Field: Argument, Added: true},
		`arguments in another order`:                          {Field: Argument, Name: "order"},
		`environment variable A: removed, was "x y"`:          {Field: EnvironmentVariable, Name: "A", Before: "x y", Removed: true},
		`platform property order: "" → "x"`:                   {Field: PlatformProperty, Name: "order", After: "x"},
		`input a/b: 01234567… (8 B) → fedcba98… (9 B)`:        {Field: InputFile, Name: "a/b", Before: hash + "/8", After: "fedcba9876543210/9"},
		`input a/b: empty → 01234567… (8 B)`:                  {Field: InputFile, Name: "a/b", Before: "/0", After: hash + "/8"},
		`input l: -> x/y → -> z`:                              {Field: InputFile, Name: "l", Before: "-> x/y", After: "-> z"},
		`configuration k8-fastbuild → k8-opt`:                 {Field: OutputPath, Name: "configuration", Before: "k8-fastbuild", After: "k8-opt"},
		`output: added, "bazel-out/k8-opt/bin/configuration"`: {Field: OutputPath, After: "bazel-out/k8-opt/bin/configuration", Added: true},
		`timeout: "0s" → "60s"`:                               {Field: Timeout, Before: "0s", After: "60s"},
		`not in the previous log: new, or up to date then`:    {Field: NotBefore},
	} {
		if got := d.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
