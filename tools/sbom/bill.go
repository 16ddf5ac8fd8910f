package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/CycloneDX/cyclonedx-go"

	"example.org/portable-walkthrough-go/tools/sbom/inventory"
)

// A bill is an inventory on its way to a document.
type bill struct {
	*inventory.Inventory
	// digest is the image's SHA-256 in hexadecimal, empty in a document that is part of it.
	digest string
}

// Names of properties that CycloneDX has no field for.
const (
	propertyArchitecture = "portable:architecture"
	propertyBuildID      = "portable:build-id"
	propertyFinding      = "portable:finding"
	propertyGoSum        = "portable:go.sum"
	propertyLabel        = "portable:label"
	propertyOrigin       = "portable:declared-by"
	propertyReplaces     = "portable:replaces"
	propertyStatic       = "portable:static"
)

// imageRef is the reference of the image itself.
const imageRef = "image"

// encode writes the document.
func (b *bill) encode(to io.Writer) error {
	document := b.document()
	var unnumbered bytes.Buffer
	if err := encode(&unnumbered, document); err != nil {
		return err
	}
	document.SerialNumber = serialNumber(unnumbered.Bytes())
	return encode(to, document)
}

func encode(to io.Writer, document *cyclonedx.BOM) error {
	encoder := cyclonedx.NewBOMEncoder(to, cyclonedx.BOMFileFormatJSON).SetPretty(true).SetEscapeHTML(false)
	return encoder.EncodeVersion(document, cyclonedx.SpecVersion1_6)
}

// serialNumber is a UUID of version 8 (RFC 9562, section 5.8) made of a digest.
func serialNumber(content []byte) string {
	d := sha256.Sum256(content)
	d[6] = d[6]&0x0f | 0x80
	d[8] = d[8]&0x3f | 0x80
	return fmt.Sprintf("urn:uuid:%x-%x-%x-%x-%x", d[:4], d[4:6], d[6:8], d[8:10], d[10:16])
}

func (b *bill) document() *cyclonedx.BOM {
	document := cyclonedx.NewBOM()
	image := cyclonedx.Component{
		BOMRef: imageRef, Type: cyclonedx.ComponentTypeContainer, Name: b.Name, Version: b.Version,
		Hashes:     sha256Of(b.digest),
		Properties: properties(propertyLabel, b.Label, propertyArchitecture, b.Architecture),
	}
	document.Metadata = &cyclonedx.Metadata{
		Lifecycles: &[]cyclonedx.Lifecycle{{Phase: cyclonedx.LifecyclePhaseBuild}},
		Tools: &cyclonedx.ToolsChoice{Components: &[]cyclonedx.Component{
			{Type: cyclonedx.ComponentTypeApplication, Name: "portable_walkthrough_go", Version: version},
		}},
		Component: &image,
	}
	programs := map[string]*inventory.Program{}
	for i, p := range b.Programs {
		programs[p.Path] = &b.Programs[i]
	}
	var components []cyclonedx.Component
	for _, f := range b.Files {
		components = append(components, file(f, programs[f.Path]))
	}
	for _, c := range b.Components {
		components = append(components, component(c))
	}
	document.Components = &components
	document.Dependencies = b.dependencies()
	document.Compositions = b.compositions()
	return document
}

// file returns the component of a file of the image; p is nil if it is not a program.
func file(f inventory.File, p *inventory.Program) cyclonedx.Component {
	said := []string{propertyOrigin, f.Origin}
	if p != nil {
		said = append(said, propertyBuildID, p.BuildID, propertyStatic, fmt.Sprint(p.Static))
		for _, s := range p.Settings {
			said = append(said, "portable:go:"+s.Key, s.Value)
		}
		for _, finding := range p.Findings {
			said = append(said, propertyFinding, finding.ID+": "+finding.Text)
		}
	}
	return cyclonedx.Component{
		BOMRef: fileRef(f.Path), Type: cyclonedx.ComponentTypeFile, Name: f.Path,
		Hashes: sha256Of(f.SHA256), Properties: properties(said...),
	}
}

func component(c inventory.Component) cyclonedx.Component {
	made := cyclonedx.Component{
		BOMRef: componentRef(c), Type: cyclonedx.ComponentTypeLibrary, Name: c.Name, Version: c.Version,
		PackageURL: c.URL, Properties: properties(propertyGoSum, c.Sum, propertyReplaces, c.Replaces),
	}
	if c.Tool {
		made.Type, made.Scope = cyclonedx.ComponentTypeApplication, cyclonedx.ScopeExcluded
	}
	// "h1:" is a SHA-256 of the list of the module's files, in base64.
	if sum, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.Sum, "h1:")); err == nil && len(sum) == sha256.Size {
		made.Hashes = sha256Of(hex.EncodeToString(sum))
	}
	if c.License != "" {
		made.Licenses = &cyclonedx.Licenses{{Expression: c.License}}
	}
	return made
}

// dependencies lists the programs of the image, and the components of each program.
// The dependencies of components are unknown, so they are not in the list.
func (b *bill) dependencies() *[]cyclonedx.Dependency {
	image := cyclonedx.Dependency{Ref: imageRef}
	all := []cyclonedx.Dependency{}
	var programs []string
	for _, p := range b.Programs {
		programs = append(programs, fileRef(p.Path))
		var components []string
		for _, c := range p.Components {
			components = append(components, componentRef(c))
		}
		if len(components) > 0 {
			all = append(all, cyclonedx.Dependency{Ref: fileRef(p.Path), Dependencies: &components})
		}
	}
	if len(programs) > 0 {
		image.Dependencies = &programs
	}
	all = append([]cyclonedx.Dependency{image}, all...)
	return &all
}

// compositions lists which parts are complete: all files of the image, and the components of some
// programs.
func (b *bill) compositions() *[]cyclonedx.Composition {
	all := []cyclonedx.Composition{{Aggregate: cyclonedx.CompositionAggregateComplete, Assemblies: &[]cyclonedx.BOMReference{imageRef}}}
	for _, aggregate := range []cyclonedx.CompositionAggregate{
		cyclonedx.CompositionAggregateComplete, cyclonedx.CompositionAggregateIncomplete, cyclonedx.CompositionAggregateUnknown,
	} {
		var programs []cyclonedx.BOMReference
		for _, p := range b.Programs {
			if aggregateOf(p) == aggregate {
				programs = append(programs, cyclonedx.BOMReference(fileRef(p.Path)))
			}
		}
		if len(programs) > 0 {
			all = append(all, cyclonedx.Composition{Aggregate: aggregate, Dependencies: &programs})
		}
	}
	return &all
}

func aggregateOf(p inventory.Program) cyclonedx.CompositionAggregate {
	switch {
	case p.Known:
		return cyclonedx.CompositionAggregateComplete
	case p.GoVersion != "":
		return cyclonedx.CompositionAggregateIncomplete
	}
	return cyclonedx.CompositionAggregateUnknown
}

func fileRef(path string) string { return "file:" + path }

// componentRef is unique: nothing else of a component is in two of them.
func componentRef(c inventory.Component) string {
	ref := c.Name + "@" + c.Version
	if c.URL != "" {
		ref = c.URL
	}
	for _, distinct := range []string{c.Sum, c.Replaces} {
		if distinct != "" {
			ref += "#" + distinct
		}
	}
	return ref
}

func sha256Of(digest string) *[]cyclonedx.Hash {
	if digest == "" {
		return nil
	}
	return &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: digest}}
}

// properties makes a list of names and values, without those that have no value.
func properties(said ...string) *[]cyclonedx.Property {
	var all []cyclonedx.Property
	for i := 0; i < len(said); i += 2 {
		if said[i+1] != "" {
			all = append(all, cyclonedx.Property{Name: said[i], Value: said[i+1]})
		}
	}
	if all == nil {
		return nil
	}
	return &all
}
