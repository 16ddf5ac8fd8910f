// Sbom writes the software bill of materials of a portable service image: a CycloneDX 1.6
// document in JSON (https://cyclonedx.org).
//
// It is an action of portable_image (bzl/private/sbom.bzl). The document depends on the
// inventory and the image only. It has no time, and its serial number is a digest of
// the rest, so that the same image always has the same document.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"

	"example.org/portable-walkthrough-go/tools/sbom/inventory"
	"example.org/portable-walkthrough-go/tools/sha256sum"
)

// version is MODULE.bazel's.
var version = "devel"

func main() {
	name := flag.String("inventory", "", "the `FILE` that collect wrote")
	image := flag.String("image", "", "the image; left out for a document that is part of it")
	output := flag.String("output", "", "the `FILE` to write")
	flag.Parse()
	if *name == "" || *output == "" || flag.NArg() != 0 {
		fmt.Fprintln(os.Stderr, "sbom: write a document with --inventory=FILE --output=FILE")
		os.Exit(2)
	}
	if err := write(*name, *image, *output); err != nil {
		fmt.Fprintf(os.Stderr, "sbom: %v\n", err)
		os.Exit(1)
	}
}

func write(name, image, output string) error {
	inv, err := inventory.Load(name)
	if err != nil {
		return err
	}
	b := &bill{Inventory: inv}
	if image != "" {
		if b.digest, err = sha256sum.OfFile(image); err != nil {
			return fmt.Errorf("%s: read: %w", inv.Label, err)
		}
	}
	var document bytes.Buffer
	if err := b.encode(&document); err != nil {
		return fmt.Errorf("%s: %w", inv.Label, err)
	}
	return os.WriteFile(output, document.Bytes(), 0o644)
}
