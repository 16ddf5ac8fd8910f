package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A release is one version's files.
type release struct {
	name, version string // the module's
	archive       []byte
	integrity     string // the archive's digest, as in the W3C's Subresource Integrity
	source, notes string // source.json and release_notes.md
	metadata      string // metadata.json
	warnings      []string
}

func (r *release) archiveName() string { return r.name + "-" + r.version + ".tar.gz" }
func (r *release) tag() string         { return "v" + r.version }

// makeRelease reads only committed files, and warns about others.
func makeRelease(ctx context.Context, g git, ref, repository string) (*release, error) {
	// The rest uses one commit, even if somebody commits meanwhile.
	out, err := g.lines(ctx, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("%q is not a commit: %w", ref, err)
	}
	commit := out[0]
	r := new(release)
	module, err := g.file(ctx, commit, "MODULE.bazel")
	if err != nil {
		return nil, err
	}
	for field, into := range map[string]*string{"name": &r.name, "version": &r.version} {
		match := regexp.MustCompile(`(?s)\bmodule\([^)]*?\b` + field + ` = "([^"]+)"`).FindStringSubmatch(module)
		if match == nil {
			return nil, fmt.Errorf("MODULE.bazel: module() has no %s", field)
		}
		*into = match[1]
	}
	if err := r.checkTag(ctx, g, commit); err != nil {
		return nil, err
	}
	tree, err := g.tar(ctx, commit, r.name+"-"+r.version)
	if err != nil {
		return nil, err
	}
	if r.archive, err = compress(tree); err != nil {
		return nil, err
	}
	digest := sha256.Sum256(r.archive)
	r.integrity = "sha256-" + base64.StdEncoding.EncodeToString(digest[:])
	filler, err := r.filler(repository)
	if err != nil {
		return nil, err
	}
	if err := r.fillSource(ctx, g, commit, filler); err != nil {
		return nil, err
	}
	if err := r.readMetadata(ctx, g, commit, repository); err != nil {
		return nil, err
	}
	if err := r.writeNotes(ctx, g, commit); err != nil {
		return nil, err
	}
	return r, r.warn(ctx, g, commit)
}

// checkTag refuses to publish other bytes under a version that is out.
func (r *release) checkTag(ctx context.Context, g git, commit string) error {
	tags, err := g.lines(ctx, "tag", "--list", r.tag(), "--format=%(if)%(*objectname)%(then)%(*objectname)%(else)%(objectname)%(end)")
	if err != nil {
		return err
	}
	if len(tags) > 0 && tags[0] != commit {
		return fmt.Errorf("%s is released already, as %.12s; raise version in MODULE.bazel, or release that commit with --ref=%s", r.tag(), tags[0], r.tag())
	}
	return nil
}

func compress(content []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	// No name and no time in the header: the writer's default.
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// filler fills the templates' placeholders; without a repository, {OWNER} and {REPO}
// stay as they are.
func (r *release) filler(repository string) (*strings.Replacer, error) {
	replace := []string{"{VERSION}", r.version, "{TAG}", r.tag()}
	if repository != "" {
		owner, repo, ok := strings.Cut(repository, "/")
		if !ok || owner == "" || repo == "" || strings.Contains(repo, "/") {
			return nil, fmt.Errorf("repository %q is not of the form OWNER/REPO", repository)
		}
		replace = append(replace, "{OWNER}", owner, "{REPO}", repo)
	}
	return strings.NewReplacer(replace...), nil
}

// fill reads a template as JSON, with its placeholders filled.
func fill(ctx context.Context, g git, commit, name string, filler *strings.Replacer) (map[string]any, error) {
	template, err := g.file(ctx, commit, name)
	if err != nil {
		return nil, err
	}
	var content map[string]any
	if err := json.Unmarshal([]byte(filler.Replace(template)), &content); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return content, nil
}

func encode(content map[string]any) (string, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "    ")
	err := encoder.Encode(content)
	return b.String(), err
}

// readMetadata takes metadata.json as it stands in the repository: publish-to-bcr fills no
// placeholders in it. The Central Registry adds versions itself, to what it has already. Placeholders
// are an error for a release that has a repository, and a warning for others.
func (r *release) readMetadata(ctx context.Context, g git, commit, repository string) error {
	const name = ".bcr/metadata.template.json"
	metadata, err := fill(ctx, g, commit, name, strings.NewReplacer())
	if err != nil {
		return err
	}
	if repositories, _ := metadata["repository"].([]any); repository != "" && !slices.Contains(repositories, any("github:"+repository)) {
		return fmt.Errorf("%s: repository does not list \"github:%s\"; write it there, with homepage and maintainers, before you publish", name, repository)
	}
	if left := placeholders("", metadata); len(left) > 0 {
		text := fmt.Sprintf("%s: placeholders in %s; replace them before you publish, since the Central Registry takes them as they are", name, strings.Join(left, ", "))
		if repository != "" {
			return errors.New(text)
		}
		r.warnings = append(r.warnings, text)
	}
	r.metadata, err = encode(metadata)
	return err
}

// placeholders returns the paths of a JSON value, as jq writes them, that still have what the template
// has in place of an account, an address or a number.
func placeholders(path string, value any) (found []string) {
	switch v := value.(type) {
	case string:
		if strings.Contains(v, "OWNER") || strings.HasSuffix(v, "@example.org") {
			found = append(found, path)
		}
	case float64:
		if strings.HasSuffix(path, ".github_user_id") && v <= 1 {
			found = append(found, path)
		}
	case []any:
		for i, element := range v {
			found = append(found, placeholders(fmt.Sprintf("%s[%d]", path, i), element)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			found = append(found, placeholders(path+"."+key, v[key])...)
		}
	}
	return found
}

// fillSource makes source.json of its template.
func (r *release) fillSource(ctx context.Context, g git, commit string, filler *strings.Replacer) error {
	const name = ".bcr/source.template.json"
	source, err := fill(ctx, g, commit, name, filler)
	if err != nil {
		return err
	}
	source["integrity"] = r.integrity
	if want := r.name + "-" + r.version; source["strip_prefix"] != want {
		return fmt.Errorf("%s: strip_prefix is %q, but the archive's directory is %q", name, source["strip_prefix"], want)
	}
	if url, _ := source["url"].(string); !strings.HasSuffix(url, "/"+r.archiveName()) {
		return fmt.Errorf("%s: url %q does not end in the archive's name, %q", name, url, r.archiveName())
	}
	r.source, err = encode(source)
	return err
}

// writeNotes writes how to depend on the release, and its changes.
func (r *release) writeNotes(ctx context.Context, g git, commit string) error {
	var source struct{ URL, Integrity, Strip_prefix string }
	if err := json.Unmarshal([]byte(r.source), &source); err != nil {
		return err
	}
	before, err := r.tagBefore(ctx, g, commit)
	if err != nil {
		return err
	}
	changes := []string{"log", "--no-merges", "--format=- %s", commit}
	since := "the beginning"
	if before != "" {
		changes[len(changes)-1] = before + ".." + commit
		since = before
	}
	subjects, err := g.lines(ctx, changes...)
	if err != nil {
		return err
	}
	slices.Reverse(subjects)
	setup, err := workspaceSetup(ctx, g, commit)
	if err != nil {
		return err
	}
	r.notes = fmt.Sprintf("# %s %s\n\n"+
		"```python\n# MODULE.bazel\nbazel_dep(name = %[1]q, version = %[2]q)\n```\n\n"+
		"Without the Central Registry, add:\n\n"+
		"```python\narchive_override(\n    module_name = %[1]q,\n    integrity = %[3]q,\n    strip_prefix = %[4]q,\n    urls = [%[5]q],\n)\n```\n\n"+
		"In a WORKSPACE:\n\n"+
		"```python\nload(\"@bazel_tools//tools/build_defs/repo:http.bzl\", \"http_archive\")\n\n"+
		"http_archive(\n    name = %[1]q,\n    integrity = %[3]q,\n    strip_prefix = %[4]q,\n    url = %[5]q,\n)\n\n%[8]s```\n\n"+
		"## Changes since %[6]s\n\n%[7]s\n",
		r.name, r.version, source.Integrity, source.Strip_prefix, source.URL, since, strings.Join(subjects, "\n"), setup)
	return nil
}

// workspaceSetup returns the lines that a WORKSPACE needs after it has declared the repository. They
// are those of the example, which CI builds.
func workspaceSetup(ctx context.Context, g git, commit string) (string, error) {
	const name = "bzl/examples/loadlog/WORKSPACE"
	content, err := g.file(ctx, commit, name)
	if err != nil {
		return "", err
	}
	_, after, ok := strings.Cut(content, "\nlocal_repository(\n")
	if ok {
		_, after, ok = strings.Cut(after, "\n)\n\n")
	}
	if !ok || !strings.HasPrefix(after, "load(") {
		return "", fmt.Errorf("%s: no load() after a local_repository() to put the release in the place of", name)
	}
	// The rest is for the example's own tests.
	setup, _, _ := strings.Cut(after, "\nload(\"@portable_walkthrough_go//bzl:machines.bzl\"")
	return setup, nil
}

// tagBefore returns the latest version tag among the commit's ancestors, or "".
func (r *release) tagBefore(ctx context.Context, g git, commit string) (string, error) {
	tags, err := g.lines(ctx, "tag", "--list", "v*", "--merged", commit, "--sort=-version:refname")
	if err != nil {
		return "", err
	}
	tags = slices.DeleteFunc(tags, func(tag string) bool { return tag == r.tag() })
	if len(tags) == 0 {
		return "", nil
	}
	return tags[0], nil
}

// warn reports files in the directory that are not in the archive.
func (r *release) warn(ctx context.Context, g git, commit string) error {
	changed, err := g.lines(ctx, "status", "--porcelain")
	if err != nil {
		return err
	}
	if len(changed) > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("not committed, so not in the archive: %s", strings.Join(changed, ", ")))
	}
	head, err := g.lines(ctx, "rev-parse", "HEAD")
	if err != nil {
		return err
	}
	if head[0] != commit {
		r.warnings = append(r.warnings, fmt.Sprintf("the archive is of %.12s, HEAD is %.12s", commit, head[0]))
	}
	return nil
}

// write puts the files into a directory.
func (r *release) write(directory string) error {
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		r.archiveName(): r.archive, "source.json": []byte(r.source), "metadata.json": []byte(r.metadata), "release_notes.md": []byte(r.notes),
	} {
		if err := os.WriteFile(filepath.Join(directory, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}
