// Provenance writes where a portable service image came from: an unsigned in-toto statement
// (https://in-toto.io/Statement/v1) with a SLSA provenance v1 predicate
// (https://slsa.dev/spec/v1.0/provenance).
//
// It is an action of portable_image (bzl/private/sbom.bzl). The statement depends on the
// inventory and the image only. It contains no machine, user or time of the build,
// because actions may come from a cache. The signer of the statement knows these.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path"

	"example.org/portable-walkthrough-go/tools/sbom/inventory"
	"example.org/portable-walkthrough-go/tools/sha256sum"
)

func main() {
	name := flag.String("inventory", "", "the `FILE` that collect wrote")
	image := flag.String("image", "", "the image")
	output := flag.String("output", "", "the `FILE` to write")
	failure := flag.String("error", "", "write nothing, but fail with this `MESSAGE`")
	flag.Parse()
	if *failure != "" {
		fmt.Fprintf(os.Stderr, "provenance: %s\n", *failure)
		os.Exit(1)
	}
	if *name == "" || *image == "" || *output == "" || flag.NArg() != 0 {
		fmt.Fprintln(os.Stderr, "provenance: write a statement with --inventory=FILE --image=FILE --output=FILE")
		os.Exit(2)
	}
	if err := write(*name, *image, *output); err != nil {
		fmt.Fprintf(os.Stderr, "provenance: %v\n", err)
		os.Exit(1)
	}
}

func write(name, image, output string) error {
	inv, err := inventory.Load(name)
	if err != nil {
		return err
	}
	digest, err := sha256sum.OfFile(image)
	if err != nil {
		return fmt.Errorf("%s: read: %w", inv.Label, err)
	}
	content, err := json.MarshalIndent(newStatement(inv, path.Base(image), digest), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(output, append(content, '\n'), 0o644)
}
