package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
)

// A target is the Bazel target that built a program.
type target struct {
	label string
	// packages are those that the target consists of and depends on, also indirectly.
	packages []goPackage
}

// A goPackage is a Go package as rules_go describes it.
type goPackage struct {
	// path is the package's import path.
	path string
	// label is the target that compiles it.
	label string
	// url is the package URL (purl) of its repository's package_metadata, empty if it has none.
	url string
}

// readTargets reads what built several programs, by the paths of the programs. The named file
// has lines of JSON:
//
//	{"program": "bazel-out/…/hello", "label": "//hello"}
//	{"package": "example.org/x", "label": "//x", "metadata": "bazel-out/…/package-metadata.json"}
//
// The first names a program, those that follow it its packages; metadata is left out if a
// package has none.
func readTargets(name string) (map[string]*target, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read packages: %w", err)
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	decoder.DisallowUnknownFields()
	targets, current := map[string]*target{}, new(target)
	for number := 1; ; number++ {
		var l struct{ Program, Package, Label, Metadata string }
		if err := decoder.Decode(&l); errors.Is(err, io.EOF) {
			return targets, nil
		} else if err != nil {
			return nil, fmt.Errorf("packages %q line %d: %w", name, number, err)
		}
		if l.Program != "" {
			current = &target{label: l.Label}
			targets[l.Program] = current
			continue
		}
		p := goPackage{path: l.Package, label: l.Label}
		if l.Metadata != "" {
			if p.url, err = readMetadata(l.Metadata); err != nil {
				return nil, fmt.Errorf("%s: %w", l.Label, err)
			}
		}
		current.packages = append(current.packages, p)
	}
}

// readMetadata returns the package URL of a file that a package_metadata target writes.
func readMetadata(name string) (string, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("read package metadata: %w", err)
	}
	var metadata struct {
		URL string `json:"purl"`
	}
	if err := json.Unmarshal(content, &metadata); err != nil {
		return "", fmt.Errorf("package metadata %q: %w", name, err)
	}
	return metadata.URL, nil
}

// component parses a package URL, see https://github.com/package-url/purl-spec.
func component(packageURL string) (Component, error) {
	u, err := url.Parse(packageURL)
	if err != nil || u.Scheme != "pkg" || !strings.Contains(u.Opaque, "/") {
		return Component{}, fmt.Errorf("%q is not a package URL; write pkg:TYPE/NAME@VERSION into package_metadata", packageURL)
	}
	kind, name, _ := strings.Cut(u.Opaque, "/")
	name, version, _ := cutLast(name, "@")
	if name, err = url.PathUnescape(name); err == nil {
		version, err = url.PathUnescape(version)
	}
	if err != nil {
		return Component{}, fmt.Errorf("package URL %q: %w", packageURL, err)
	}
	c := Component{Name: name, Version: version, URL: packageURL}
	if kind == "golang" {
		c.Sum = u.Query().Get("checksum")
		c.URL = goURL(name, version)
	}
	return c, nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(s, separator); i >= 0 {
		return s[:i], s[i+len(separator):], true
	}
	return s, "", false
}

// goURL is a Go module's package URL. The path keeps its capitals, by which Go tells modules
// apart, as in the documents of other tools for Go.
func goURL(path, version string) string {
	u := "pkg:golang/" + escape(path)
	if version != "" {
		u += "@" + escape(version)
	}
	return u
}

// escape encodes characters that have a special meaning in a package URL.
func escape(s string) string {
	return strings.ReplaceAll((&url.URL{Path: s}).EscapedPath(), "+", "%2B")
}
