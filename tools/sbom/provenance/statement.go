package main

import (
	"encoding/base64"
	"encoding/hex"
	"strings"

	"example.org/portable-walkthrough-go/tools/dsse"
	"example.org/portable-walkthrough-go/tools/sbom/inventory"
)

const (
	predicateType = "https://slsa.dev/provenance/v1"
	// buildType names the meaning of the parameters, which tools/sbom/README.md documents.
	buildType = "https://example.org/portable-walkthrough-go/portable_image/v1"
	// anyBuilder is the required name of the builder, for a statement that does not say which:
	// the same inputs give the same image on each.
	anyBuilder = "https://example.org/portable-walkthrough-go/any-builder/v1"
)

// provenance is SLSA's predicate, as far as a build without a builder can fill it in.
type provenance struct {
	BuildDefinition struct {
		BuildType            string            `json:"buildType"`
		ExternalParameters   map[string]string `json:"externalParameters"`
		ResolvedDependencies []dsse.Resource   `json:"resolvedDependencies"`
	} `json:"buildDefinition"`
	RunDetails struct {
		Builder struct {
			ID string `json:"id"`
		} `json:"builder"`
	} `json:"runDetails"`
}

// newStatement is about the image with that name and SHA-256.
func newStatement(inv *inventory.Inventory, name, digest string) *dsse.Statement[provenance] {
	s := &dsse.Statement[provenance]{
		Type:          dsse.StatementType,
		Subject:       []dsse.Resource{dsse.File(name, digest)},
		PredicateType: predicateType,
	}
	build := &s.Predicate.BuildDefinition
	build.BuildType = buildType
	build.ExternalParameters = map[string]string{"target": inv.Label}
	for name, value := range inv.Parameters {
		build.ExternalParameters[name] = value
	}
	if inv.Architecture != "" {
		build.ExternalParameters["architecture"] = inv.Architecture
	}
	for _, input := range inv.Inputs {
		build.ResolvedDependencies = append(build.ResolvedDependencies, dsse.File(input.Path, input.SHA256))
	}
	for _, c := range inv.Components {
		// Without a URL and a digest it would identify nothing; the SBOM still lists it.
		if c.URL != "" {
			build.ResolvedDependencies = append(build.ResolvedDependencies, dsse.Resource{Name: c.Name, URI: c.URL, Digest: dirHash(c.Sum)})
		}
	}
	s.Predicate.RunDetails.Builder.ID = anyBuilder
	return s
}

// dirHash is a sum of go.sum as in-toto writes it: in hexadecimal, without "h1:".
func dirHash(sum string) map[string]string {
	encoded, ok := strings.CutPrefix(sum, "h1:")
	digest, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return nil
	}
	return map[string]string{"dirHash": hex.EncodeToString(digest)}
}
