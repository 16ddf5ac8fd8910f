package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// read returns a file of the workspace.
func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(workspace(t), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// find returns the one group of a pattern's one match.
func find(t *testing.T, file, pattern string) string {
	t.Helper()
	matches := regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, file), -1)
	if len(matches) != 1 {
		t.Fatalf("%s: %d matches of %s, want one", file, len(matches), pattern)
	}
	return matches[0][1]
}

// Where a WORKSPACE gets its dependencies from.
const archives = "bzl/workspace/archives.bzl"

// A module's version stands in MODULE.bazel for the open world, in archives.bzl for
// legacy builds, and for the Go ones in go.mod for the closed world.
func TestModuleVersions(t *testing.T) {
	for name, others := range map[string][][2]string{
		"bazel_skylib":     {{archives, `bazel-skylib/releases/download/([^/]+)/`}},
		"platforms":        {{archives, `platforms/releases/download/([^/]+)/`}},
		"gazelle":          {{archives, `bazel-gazelle/releases/download/v([^/]+)/`}, {"go.mod", `bazelbuild/bazel-gazelle v(\S+)`}},
		"rules_go":         {{"go.mod", `bazelbuild/rules_go v(\S+)`}},
		"package_metadata": {{archives, `supply-chain/releases/download/v([^/]+)/`}},
	} {
		want := find(t, "MODULE.bazel", `bazel_dep\(name = "`+name+`", version = "([^"]+)"`)
		for _, other := range others {
			if got := find(t, other[0], other[1]); got != want {
				t.Errorf("%s is %s in MODULE.bazel, but %s in %s", name, want, got, other[0])
			}
		}
	}
}

// The service prints the module's version, and the documentation tells users to depend on it.
func TestOwnVersion(t *testing.T) {
	want := find(t, "MODULE.bazel", `(?ms)^module\(.*?\n    version = "([^"]+)"`)
	for file, pattern := range map[string]string{
		"README.md":                         declares("portable_walkthrough_go"),
		"bzl/examples/loadlog/MODULE.bazel": declares("portable_walkthrough_go"),
		"bzl/examples/starter/MODULE.bazel": declares("portable_walkthrough_go"),
		"bzl/tests/scale/analysis":          declares("portable_walkthrough_go"),
	} {
		if got := find(t, file, pattern); got != want {
			t.Errorf("%s says %s, MODULE.bazel %s", file, got, want)
		}
	}
}

func declares(module string) string {
	return `bazel_dep\(name = "` + module + `", version = "([^"]+)"`
}

// README.md names the versions that are pinned.
func TestReadme(t *testing.T) {
	const readme = "README.md"
	sdk := find(t, "bzl/toolchains/versions.bzl", `GO_VERSION = "([^"]+)"`)
	rules := find(t, "MODULE.bazel", declares("rules_go"))
	for pattern, want := range map[string]string{
		declares("rules_go"):       rules,
		`\| rules_go ([^ ,]+), `:   rules,
		`\| Go (\S+) \|`:           sdk,
		`Linux gets Go (\S+) from`: sdk,
		`\| Bazel (\S+) \|`:        strings.TrimSpace(read(t, ".bazelversion")),
		`needs Go (\S+) or newer`:  strings.TrimSuffix(find(t, "go.mod", `(?m)^go (\S+)$`), ".0"),
	} {
		if got := find(t, readme, pattern); got != want {
			t.Errorf("%s: %s is %s, want %s", readme, pattern, got, want)
		}
	}
}

// The sums of the Go modules that Bazel's files declare are those of go.sum, for the versions
// of go.mod.
func TestGoRepositories(t *testing.T) {
	sums, required := read(t, "go.sum"), read(t, "go.mod")
	for file, pattern := range map[string]string{
		"WORKSPACE":              `(?s)go_repository\(\n(.*?)\n\)`,
		"MODULE.bazel":           `(?s)go_deps\.module\(\n(.*?)\n\)`,
		"bzl/workspace/sbom.bzl": `(?s)go_repository\(\n(.*?)\n        \)`,
	} {
		declared := regexp.MustCompile(pattern).FindAllStringSubmatch(read(t, file), -1)
		if len(declared) == 0 {
			t.Errorf("%s declares no Go module", file)
		}
		for _, repository := range declared {
			attribute := func(name string) string {
				match := regexp.MustCompile(`(?m)^ *(?:` + name + `) = "([^"]+)"`).FindStringSubmatch(repository[1])
				if match == nil {
					t.Fatalf("%s: no %s in %s", file, name, repository[0])
				}
				return match[1]
			}
			module := attribute("importpath|path") + " " + attribute("version")
			if !strings.Contains(sums, module+" "+attribute("sum")+"\n") {
				t.Errorf("%s has another sum for %s than go.sum", file, module)
			}
			if !strings.Contains(required, module) {
				t.Errorf("%s has another version than go.mod: %s", file, module)
			}
		}
	}
}

// Each archive of the SDK that has a digest is one that Bazel's modules offer, for its
// machines alone and with its version: without those, rules_go would fetch it for
// everybody who depends on this module.
func TestGoSDKs(t *testing.T) {
	const versions = "bzl/toolchains/versions.bzl"
	version := find(t, versions, `GO_VERSION = "([^"]+)"`)
	var pinned, wrapped []string
	for _, line := range regexp.MustCompile(`"([^"]+)": "`).FindAllStringSubmatch(find(t, versions, `(?s)GO_SDK_SHA256 = \{(.*?)\}`), -1) {
		pinned = append(pinned, fmt.Sprintf(`
    goarch = %q,
    goos = "linux",
    root_file = "@go_sdk_linux_%s//:VERSION",
    version = %q,
`, line[1], line[1], version))
	}
	for _, tag := range regexp.MustCompile(`(?s)go_sdk\.wrap\((.*?)\)`).FindAllStringSubmatch(read(t, "MODULE.bazel"), -1) {
		wrapped = append(wrapped, tag[1])
	}
	if len(pinned) == 0 || !slices.Equal(wrapped, pinned) {
		t.Errorf("MODULE.bazel wraps\n%s\nwant\n%s", wrapped, pinned)
	}
}

func TestExamplesHaveOurBazel(t *testing.T) {
	for _, example := range []string{"bzl/examples/loadlog/.bazelversion", "bzl/examples/starter/.bazelversion"} {
		if got, want := read(t, example), read(t, ".bazelversion"); got != want {
			t.Errorf("%s says %q, .bazelversion %q", example, got, want)
		}
	}
}

// The closed network has one version of each module.
func TestStarterHasOurRules(t *testing.T) {
	for _, module := range []string{"rules_go", "gazelle"} {
		const starter = "bzl/examples/starter/MODULE.bazel"
		if got, want := find(t, starter, declares(module)), find(t, "MODULE.bazel", declares(module)); got != want {
			t.Errorf("%s says %s %s, MODULE.bazel %s", starter, module, got, want)
		}
	}
}

func TestBazelIsAtLeastWhatTheModuleAsksFor(t *testing.T) {
	numbers := func(version string) (n [3]int) {
		if _, err := fmt.Sscanf(version, "%d.%d.%d", &n[0], &n[1], &n[2]); err != nil {
			t.Fatalf("%q: %v", version, err)
		}
		return n
	}
	at := numbers(find(t, "MODULE.bazel", `bazel_compatibility = \[">=([^"]+)"\]`))
	if version := numbers(read(t, ".bazelversion")); slices.Compare(version[:], at[:]) < 0 {
		t.Errorf(".bazelversion is %v, MODULE.bazel asks for %v", version, at)
	}
}
