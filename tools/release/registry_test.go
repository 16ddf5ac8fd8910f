package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const consumer = "bzl/examples/loadlog"

// The templates make files that the Central Registry accepts once their placeholders are replaced,
// and are refused before. The notes give a WORKSPACE the lines of the consumer's.
func TestOwnRelease(t *testing.T) {
	g := repository(t)
	const metadata = ".bcr/metadata.template.json"
	for _, name := range []string{"MODULE.bazel", ".bcr/source.template.json", metadata, consumer + "/WORKSPACE"} {
		write(t, filepath.Join(g.directory, name), own(t, name))
	}
	commit(t, g, "Ours")
	const fields = ".homepage, .maintainers[0].email, .maintainers[0].github, .maintainers[0].github_user_id, .repository[0]"
	if _, err := makeRelease(t.Context(), g, "HEAD", "OWNER/portable-walkthrough-go"); err == nil || !strings.Contains(err.Error(), "placeholders in "+fields+";") {
		t.Errorf("got %v, want a refusal of the placeholders in %s", err, fields)
	}
	if r, err := makeRelease(t.Context(), g, "HEAD", ""); err != nil || !strings.Contains(strings.Join(r.warnings, "\n"), "placeholders in "+fields+";") {
		t.Errorf("got %v, want a warning of the placeholders", err)
	}
	replaced := strings.NewReplacer("OWNER", "someone", "example.org", "forge.example", `"github_user_id": 1`, `"github_user_id": 7`)
	write(t, filepath.Join(g.directory, metadata), replaced.Replace(own(t, metadata)))
	commit(t, g, "Without placeholders")
	r, err := makeRelease(t.Context(), g, "HEAD", "someone/portable-walkthrough-go")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkSource(r.source); err != nil {
		t.Error(err)
	}
	if err := checkMetadata(r.metadata); err != nil {
		t.Error(err)
	}
	_, snippet, _ := strings.Cut(r.notes, "\nhttp_archive(\n")
	for _, line := range []string{
		`    name = "portable_walkthrough_go",`,
		`load("@portable_walkthrough_go//bzl/workspace:archives.bzl", "portable_archives")`, "portable_archives()",
		`load("@portable_walkthrough_go//bzl/workspace:go.bzl", "portable_go")`, "portable_go()",
	} {
		var found bool
		if _, snippet, found = strings.Cut(snippet, line+"\n"); !found {
			t.Errorf("%s is missing, or not in its place, in\n%s", line, r.notes)
		}
	}
}

func TestOwnPresubmit(t *testing.T) {
	if err := checkPresubmit(t, own(t, ".bcr/presubmit.yml")); err != nil {
		t.Error(err)
	}
}

// The negative control: each check sees a mistake.
func TestRegistryMistakes(t *testing.T) {
	presubmit := own(t, ".bcr/presubmit.yml")
	source := `{"integrity": "sha256-` + strings.Repeat("A", 43) + `=", "strip_prefix": "a", "url": "https://forge.example/a.tar.gz"}`
	metadata := `{"homepage": "https://forge.example", "maintainers": [{"email": "a@example.org", "github": "a", "github_user_id": 7, "name": "A"}],
		"repository": ["github:a/b"], "versions": [], "yanked_versions": {}}`
	for check, valid := range map[string]string{"source": source, "metadata": metadata, "presubmit": presubmit} {
		if err := registryCheck(t, check, valid); err != nil {
			t.Errorf("%s: %v", check, err)
		}
	}
	for name, test := range map[string]struct{ check, from, old, new, want string }{
		"digest":       {"source", source, "A=", "=", "integrity"},
		"scheme":       {"source", source, "https:", "http:", "url"},
		"field":        {"source", source, `"url"`, `"urls"`, "unknown field"},
		"mail":         {"metadata", metadata, "a@example.org", "a", "email"},
		"nobody":       {"metadata", metadata, `{"email": "a@example.org", "github": "a", "github_user_id": 7, "name": "A"}`, "", "maintainers"},
		"no account":   {"metadata", metadata, `"github_user_id": 7, `, "", "github_user_id"},
		"placeholder":  {"metadata", metadata, "github:a/b", "github:{OWNER}/{REPO}", "repository"},
		"repository":   {"metadata", metadata, "github:a/b", "a/b", "repository"},
		"homepage":     {"metadata", metadata, "https://", "", "homepage"},
		"yanked":       {"metadata", metadata, `, "yanked_versions": {}`, "", "yanked_versions"},
		"no YAML":      {"presubmit", presubmit, "matrix:", "matrix", "yaml:"},
		"misspelt":     {"presubmit", presubmit, "build_targets", "targets", "not found"},
		"elsewhere":    {"presubmit", presubmit, consumer, "nowhere", "module_path"},
		"no such axis": {"presubmit", presubmit, "${{ bazel }}", "${{ version }}", "version"},
		"no target":    {"presubmit", presubmit, "//:image", "//:picture", "//:picture"},
		"no directory": {"presubmit", presubmit, "//record/", "//recorder/", "//recorder/..."},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(test.from, test.old, test.new, 1)
			if text == test.from {
				t.Fatalf("no %q to replace", test.old)
			}
			if err := registryCheck(t, test.check, text); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func registryCheck(t *testing.T, check, text string) error {
	switch check {
	case "source":
		return checkSource(text)
	case "metadata":
		return checkMetadata(text)
	}
	return checkPresubmit(t, text)
}

// own is a file of this repository.
func own(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("../..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func strict(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}

func checkSource(text string) error {
	var source struct {
		Integrity   string `json:"integrity"`
		StripPrefix string `json:"strip_prefix"`
		URL         string `json:"url"`
	}
	if err := strict(text, &source); err != nil {
		return err
	}
	digest, ok := strings.CutPrefix(source.Integrity, "sha256-")
	if sum, err := base64.StdEncoding.DecodeString(digest); !ok || err != nil || len(sum) != 32 {
		return fmt.Errorf("integrity %q is no SHA-256", source.Integrity)
	}
	if source.StripPrefix == "" {
		return errors.New("no strip_prefix")
	}
	return checkAddress("url", source.URL)
}

func checkAddress(field, address string) error {
	if u, err := url.Parse(address); err != nil || u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%s %q is no https address", field, address)
	}
	return nil
}

func checkMetadata(text string) error {
	var metadata struct {
		Homepage    string `json:"homepage"`
		Maintainers []struct {
			Email, GitHub, Name string
			GitHubUserID        int `json:"github_user_id"`
		} `json:"maintainers"`
		Repository     []string          `json:"repository"`
		Versions       []string          `json:"versions"`
		YankedVersions map[string]string `json:"yanked_versions"`
	}
	if err := strict(text, &metadata); err != nil {
		return err
	}
	if len(metadata.Maintainers) == 0 || metadata.Versions == nil || metadata.YankedVersions == nil {
		return errors.New("maintainers, versions or yanked_versions is missing")
	}
	for _, maintainer := range metadata.Maintainers {
		if _, err := mail.ParseAddress(maintainer.Email); err != nil || maintainer.Name == "" {
			return fmt.Errorf("maintainer %v needs a name and an email: %v", maintainer, err)
		}
		// Whom the registry asks before it takes a change of the module.
		if maintainer.GitHub == "" || maintainer.GitHubUserID <= 0 {
			return fmt.Errorf("maintainer %v needs github and github_user_id", maintainer)
		}
	}
	form := regexp.MustCompile(`^github:[\w.-]+/[\w.-]+$`)
	if len(metadata.Repository) == 0 || !form.MatchString(metadata.Repository[0]) {
		return fmt.Errorf("repository %q is not of the form github:OWNER/REPO", metadata.Repository)
	}
	return checkAddress("homepage", metadata.Homepage)
}

func checkPresubmit(t *testing.T, text string) error {
	var presubmit struct {
		Module struct {
			Path   string              `yaml:"module_path"`
			Matrix map[string][]string `yaml:"matrix"`
			Tasks  map[string]struct {
				Name     string   `yaml:"name"`
				Platform string   `yaml:"platform"`
				Bazel    string   `yaml:"bazel"`
				Build    []string `yaml:"build_targets"`
				Test     []string `yaml:"test_targets"`
			} `yaml:"tasks"`
		} `yaml:"bcr_test_module"`
	}
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.KnownFields(true)
	if err := decoder.Decode(&presubmit); err != nil {
		return err
	}
	module := presubmit.Module
	// The example, which CI builds, too.
	if module.Path != consumer {
		return fmt.Errorf("module_path %q is not %s", module.Path, consumer)
	}
	build := own(t, consumer+"/BUILD.bazel")
	if len(module.Tasks) == 0 {
		return errors.New("no tasks")
	}
	for name, task := range module.Tasks {
		for _, axis := range []string{task.Platform, task.Bazel} {
			key := strings.TrimSuffix(strings.TrimPrefix(axis, "${{ "), " }}")
			if key == axis || len(module.Matrix[key]) == 0 {
				return fmt.Errorf("%s: %q is no axis of the matrix", name, axis)
			}
		}
		targets := slices.Concat(task.Build, task.Test)
		if len(targets) == 0 {
			return fmt.Errorf("%s: no targets", name)
		}
		for _, target := range targets {
			if label, ok := strings.CutPrefix(target, "//:"); ok {
				if strings.Contains(build, fmt.Sprintf("\n    name = %q,\n", label)) {
					continue
				}
			} else if directory, ok := strings.CutSuffix(target, "/..."); ok {
				if _, err := os.Stat(filepath.Join("../..", consumer, directory, "BUILD.bazel")); err == nil {
					continue
				}
			}
			return fmt.Errorf("%s: no target %s in %s", name, target, consumer)
		}
	}
	return nil
}
