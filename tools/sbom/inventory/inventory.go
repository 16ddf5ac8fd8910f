// Package inventory lists the components of a portable service image: its files, and what its
// programs were linked from.
//
// It reads three sources and compares them:
//
//   - the manifest of the image, which has each path's digest and what declared it;
//   - the programs themselves: the build information of Go programs (package
//     debug/buildinfo), the notes of other ELF files;
//   - the packages that each program's target depends on, see [readTargets].
//
// Information that no source has stays empty. Nothing is guessed from a file's name.
package inventory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/sha256sum"
	"example.org/portable-walkthrough-go/tools/spec"
)

// An Inventory lists the parts of an image. All lists are sorted and have no duplicates, so
// that the same image always has the same inventory.
type Inventory struct {
	Label        string `json:"label"`
	Name         string `json:"name"`
	Version      string `json:"version,omitempty"`
	Architecture string `json:"architecture,omitempty"`
	// Parameters are those of the file system, such as the compressor.
	Parameters map[string]string `json:"parameters"`
	Files      []File            `json:"files"`
	Programs   []Program         `json:"programs"`
	// Components are the modules and packages that the programs were linked from.
	Components []Component `json:"components"`
	// Inputs are the files that the image was made from.
	Inputs []Input `json:"inputs"`
}

// A File is a regular file of the image.
type File struct {
	Path string `json:"path"`
	// SHA256 is in hexadecimal.
	SHA256 string `json:"sha256"`
	// Origin is the label and attribute that declared the file, or why it was added.
	Origin string `json:"origin"`
}

// An Input is a file that an image was made from.
type Input struct {
	// Path is as seen from the workspace: below bazel-bin for a generated file, whatever the
	// configuration.
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// A Component is a Go module, or a package of another kind that a program was linked from.
type Component struct {
	// Name is a module's path, or the name that a package manager knows it under.
	Name string `json:"name"`
	// Version is empty if it is not known, as that of the code in the repository itself.
	Version string `json:"version,omitempty"`
	// Sum is a Go module's hash, as in go.sum: "h1:" and base64. Empty if it is not known.
	Sum string `json:"sum,omitempty"`
	// URL is the package URL (purl), empty if too little is known for one.
	URL string `json:"url,omitempty"`
	// Tool is whether the component made the image or its programs, and is not in them.
	Tool bool `json:"tool,omitempty"`
	// License is an SPDX expression, empty if it is not known.
	License string `json:"license,omitempty"`
	// Replaces is the module whose place this one takes by a replace directive of go.mod.
	Replaces string `json:"replaces,omitempty"`
}

// compare orders components by name, version and sum.
func (c Component) compare(other Component) int {
	return cmp.Or(cmp.Compare(c.Name, other.Name), cmp.Compare(c.Version, other.Version),
		cmp.Compare(c.Sum, other.Sum), cmp.Compare(c.URL, other.URL), cmp.Compare(c.Replaces, other.Replaces))
}

// Read makes the inventory of the image that a spec declares.
//
// The named manifest is the one that mkportable made of the same spec. The named targets are
// what built the programs, see [readTargets]; a program without one is described by what it
// says itself, and without a name all are.
//
// Read returns an error where the sources contradict each other, since one of them would then
// be wrong. Where one of them is incomplete, the program has a [Finding].
func Read(s *spec.Spec, manifest, targets string) (*Inventory, error) {
	inv := &Inventory{
		Label: s.Header.Label, Name: s.Header.Name, Version: s.Header.Version, Architecture: s.Header.Architecture,
	}
	var err error
	if inv.Files, err = readManifest(manifest); err != nil {
		return nil, err
	}
	built := map[string]*target{}
	if targets != "" {
		if built, err = readTargets(targets); err != nil {
			return nil, err
		}
	}
	if inv.Inputs, err = inputs(s, inv.Files); err != nil {
		return nil, err
	}
	components := map[Component]bool{}
	for _, e := range s.Entries {
		if e.Type != spec.File || e.Source == "" || len(e.Dropins) > 0 {
			continue
		}
		p, err := readProgram(e.Path, e.Source, built[e.Source])
		if err != nil {
			return nil, e.Blame(fmt.Errorf("%q: %w", e.Path, err))
		}
		if p == nil {
			continue
		}
		inv.Programs = append(inv.Programs, *p)
		for _, c := range p.Components {
			components[c] = true
		}
	}
	inv.Components = slices.SortedFunc(maps.Keys(components), Component.compare)
	return inv, nil
}

// inputs are the files that the entries are made from, sorted by path. The digest of a file
// that is packed as it is comes from the manifest.
func inputs(s *spec.Spec, files []File) ([]Input, error) {
	packed := map[string]string{}
	for _, f := range files {
		packed[f.Path] = f.SHA256
	}
	digests := map[string]string{}
	for _, e := range s.Entries {
		if e.Source == "" {
			continue
		}
		if len(e.Dropins) == 0 {
			digests[e.DeclaredSource()] = packed[e.Path]
			continue
		}
		for _, name := range append([]string{e.Source}, e.Dropins...) {
			digest, err := sha256sum.OfFile(name)
			if err != nil {
				return nil, e.Blame(err)
			}
			digests[name] = digest
		}
	}
	var all []Input
	for _, name := range slices.Sorted(maps.Keys(digests)) {
		all = append(all, Input{Path: workspacePath(name), SHA256: digests[name]})
	}
	slices.SortFunc(all, func(a, b Input) int { return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.SHA256, b.SHA256)) })
	return slices.Compact(all), nil
}

// workspacePath is a path of Bazel's without the name of the configuration.
func workspacePath(name string) string {
	if rest, generated := strings.CutPrefix(name, "bazel-out/"); generated {
		if _, below, ok := strings.Cut(rest, "/bin/"); ok {
			return "bazel-bin/" + below
		}
	}
	return name
}

// Load reads an inventory that [Inventory.Write] wrote.
func Load(name string) (*Inventory, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read inventory: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(content))
	decoder.DisallowUnknownFields()
	inv := new(Inventory)
	if err := decoder.Decode(inv); err != nil {
		return nil, fmt.Errorf("inventory %q: %w", name, err)
	}
	return inv, nil
}

// Write writes the inventory to the named file, as JSON.
func (inv *Inventory) Write(name string) error {
	content, err := json.MarshalIndent(inv, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(content, '\n'), 0o644)
}

// Add adds a component, in its place.
func (inv *Inventory) Add(c Component) {
	inv.Components = append(inv.Components, c)
	slices.SortFunc(inv.Components, Component.compare)
}
