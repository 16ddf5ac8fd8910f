package main

import (
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// modulesOf returns what scanners read from a program, in the form of go version -m.
func modulesOf(info *debug.BuildInfo) string {
	said := fmt.Sprintf("mod %s %s\n", info.Main.Path, info.Main.Version)
	for _, dep := range info.Deps {
		said += fmt.Sprintf("dep %s %s %s\n", dep.Path, dep.Version, dep.Sum)
	}
	return said
}

// The shipped program contains its module and its dependencies, with their versions and
// sums, and MODULE.bazel's version.
func TestBuildInfo(t *testing.T) {
	program := runfile.Of(t, "SERVICE")
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	version := find(t, "MODULE.bazel", `(?ms)^module\(.*?\n    version = "([^"]+)"`)
	want := fmt.Sprintf("mod %s v%s\n", find(t, "go.mod", `(?m)^module (\S+)$`), version)
	for _, path := range []string{"github.com/coreos/go-systemd/v22", "golang.org/x/sys"} {
		required := find(t, "go.mod", `(?m)^\s`+path+` (\S+)$`)
		want += fmt.Sprintf("dep %s %s %s\n", path, required, find(t, "go.sum", `(?m)^`+path+" "+required+` (\S+)$`))
	}
	if got := modulesOf(info); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	out, err := exec.Command(program, "--version").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "portable-walkthrough-go "+version+" ") {
		t.Errorf("--version: %v: %s", err, out)
	}
}

// The negative control: this program's targets name no module.
func TestBuildInfoOfAProgramWithoutMetadata(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	info, err := buildinfo.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	if got := modulesOf(info); strings.Contains(got, "portable-walkthrough-go v") {
		t.Errorf("got\n%s", got)
	}
}
