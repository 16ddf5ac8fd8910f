package proof

import (
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"example.org/portable-walkthrough-go/tools/remote/httpcache"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// parse reads an example.
func parse(t *testing.T, variable string, into any) {
	t.Helper()
	path, err := runfile.Path(variable)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// github is the shell of the steps that set Bazel up.
func github(t *testing.T) string {
	t.Helper()
	var workflow struct {
		Jobs map[string]struct {
			Steps []struct{ Name, Run string }
		}
	}
	parse(t, "GITHUB", &workflow)
	var script strings.Builder
	for _, step := range workflow.Jobs["bazel"].Steps {
		if strings.HasPrefix(step.Name, "Set up the ") {
			// Each has a shell of its own.
			script.WriteString("(\n" + step.Run + "\n)\n")
		}
	}
	return script.String()
}

// gitlab is the same of the job, but for what fetches Bazelisk.
func gitlab(t *testing.T) string {
	t.Helper()
	var pipeline struct {
		Bazel struct {
			Before []string `yaml:"before_script"`
		}
	}
	parse(t, "GITLAB", &pipeline)
	script := "mkdir $HOME/bin\n"
	for _, part := range pipeline.Bazel.Before {
		if !strings.Contains(part, "bazelisk") {
			script += part + "\n"
		}
	}
	return script
}

// setUp executes the shell of an example in an empty home, and returns the .bazelrc there.
func setUp(t *testing.T, script string, env ...string) string {
	t.Helper()
	home := t.TempDir()
	// The machine's settings stay as they are.
	if err := os.WriteFile(filepath.Join(home, "sudo"), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-euc", script)
	cmd.Env = append(env, "HOME="+home, "RUNNER_TEMP="+home, "PATH="+home+":/usr/bin:/bin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(home, ".bazelrc")
}

func TestExamples(t *testing.T) {
	w := newWorkspace(t)
	credential := `{"headers": {"Authorization": ["Basic ` + base64.StdEncoding.EncodeToString([]byte("ci:x")) + `"]}}`
	file := write(t, "credential", credential)
	for name, c := range map[string]struct {
		script string
		// env is for the address of the cache.
		env  func(address string) []string
		kept bool
	}{
		"GitHub, main": {github(t), func(address string) []string {
			return []string{"CACHE=" + address, "CREDENTIAL=" + credential, "UPLOAD=true"}
		}, true},
		"GitHub, pull request": {github(t), func(address string) []string {
			return []string{"CACHE=" + address, "CREDENTIAL=" + credential, "UPLOAD=false"}
		}, false},
		"GitHub, fork": {github(t), func(string) []string { return []string{"CACHE=", "CREDENTIAL=", "UPLOAD=false"} }, false},
		"GitLab, main": {gitlab(t), func(address string) []string {
			return []string{"BAZEL_CACHE=" + address, "BAZEL_CACHE_WRITER=" + file, "BAZEL_CACHE_READER=/nowhere"}
		}, true},
		"GitLab, merge request": {gitlab(t), func(address string) []string {
			return []string{"BAZEL_CACHE=" + address, "BAZEL_CACHE_READER=" + file}
		}, false},
		"GitLab, no cache": {gitlab(t), func(string) []string { return nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			// Who reads needs the credential too: without it Bazel would warn.
			cache, kept := start(t, httpcache.Options{Writers: []string{"ci:x"}, Readers: []string{"other:y"}})
			w.rc = setUp(t, c.script, c.env(cache.Address)...)
			code, said := w.build(t, nil)
			if code != 0 || strings.Contains(said, "WARNING: Remote Cache") {
				t.Errorf("exit code %d: %s", code, said)
			}
			if got := kept() == 1; got != c.kept {
				t.Errorf("the cache took the result: %v, want %v: %s", got, c.kept, said)
			}
			if !strings.Contains(said, "1 linux-sandbox") {
				t.Errorf("not in the sandbox: %s", said)
			}
		})
	}
}

// Where there are no user namespaces Bazel goes on with less, unless it has what the
// examples write.
func TestSandbox(t *testing.T) {
	for name, c := range map[string]struct {
		script, want string
		code         int
	}{
		"by default": {"touch $HOME/.bazelrc", "1 processwrapper-sandbox", 0},
		"GitHub":     {github(t), "'linux-sandbox' was requested", 2},
		"GitLab":     {gitlab(t), "'linux-sandbox' was requested", 2},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorkspace(t)
			w.rc = setUp(t, c.script, "CACHE=", "CREDENTIAL=", "UPLOAD=false")
			// In a namespace of its own, that may have no more of them.
			w.around = []string{"unshare", "--user", "--map-root-user", "sh", "-euc", `echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"`, "sh"}
			code, said := w.build(t, nil)
			if code != c.code || !strings.Contains(said, c.want) {
				t.Errorf("exit code %d, want %d and %q: %s", code, c.code, c.want, said)
			}
		})
	}
}
