// Collect writes the inventory of a portable service image, from which its SBOM and its
// provenance are made. Package inventory documents its contents.
//
// It is an action of portable_image (bzl/private/inventory.bzl). The contract:
//
//   - The inventory depends on the inputs only, and the same inputs give the same bytes.
//   - Where the sources differ, so that a program's list is incomplete, the inventory says so
//     and a warning is printed.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/sbom/inventory"
	"example.org/portable-walkthrough-go/tools/spec"
)

func main() {
	name := flag.String("spec", "", "the `FILE` that declares the image, as lines of JSON")
	manifest := flag.String("manifest", "", "the `FILE` that lists the image's contents")
	targets := flag.String("targets", "", "the `FILE` that names the packages of the image's programs, as lines of JSON")
	output := flag.String("output", "", "the `FILE` to write")
	var mksquashfs program.Program
	flag.StringVar(&mksquashfs.Path, "mksquashfs", "", "the `PROGRAM` that makes the file system, to ask for its version")
	flag.StringVar(&mksquashfs.Loader, "loader", "", "the dynamic loader to start that `PROGRAM` with")
	flag.StringVar(&mksquashfs.Libraries, "libraries", "", "the `DIRECTORY` of the loader's libraries")
	parameters := pairs("parameter", "how the image is made, as `NAME=VALUE`; may be given several times")
	licenses := pairs("license", "the SPDX expression of a module's license, as `MODULE=EXPRESSION`; may be given several times")
	flag.Parse()
	if *name == "" || *manifest == "" || *output == "" || flag.NArg() != 0 {
		fmt.Fprintln(os.Stderr, "collect: write an inventory with --spec=FILE --manifest=FILE --output=FILE")
		os.Exit(2)
	}
	if err := collect(*name, *manifest, *targets, *output, mksquashfs, parameters, licenses); err != nil {
		fmt.Fprintf(os.Stderr, "collect: %v\n", err)
		os.Exit(1)
	}
}

// pairs declares a flag for several values of the form NAME=VALUE.
func pairs(name, usage string) map[string]string {
	all := map[string]string{}
	flag.Func(name, usage, func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("it is not of the form NAME=VALUE")
		}
		all[key] = value
		return nil
	})
	return all
}

func collect(name, manifest, targets, output string, mksquashfs program.Program, parameters, licenses map[string]string) error {
	s, err := spec.Read(name)
	if err != nil {
		return err
	}
	inv, err := inventory.Read(s, manifest, targets)
	if err != nil {
		return s.Blame(err)
	}
	inv.Parameters = parameters
	if err := inv.License(licenses); err != nil {
		return s.Blame(err)
	}
	if mksquashfs.Path != "" {
		tool, err := squashfsTools(mksquashfs)
		if err != nil {
			return s.Blame(err)
		}
		inv.Add(tool)
	}
	for _, p := range inv.Programs {
		for _, f := range p.Findings {
			fmt.Fprintf(os.Stderr, "collect: warning: %v (%s)\n", s.Blame(fmt.Errorf("%q: %s", p.Path, f.Text)), f.ID)
		}
	}
	return inv.Write(output)
}

// squashfsTools returns the version of mksquashfs, the third word of its output.
func squashfsTools(mksquashfs program.Program) (inventory.Component, error) {
	// Some versions exit with 1 after they have printed it.
	said, err := mksquashfs.Command(context.Background(), "-version").Output()
	words := strings.Fields(string(said))
	if len(words) < 3 || words[0] != "mksquashfs" || words[1] != "version" {
		return inventory.Component{}, fmt.Errorf("mksquashfs -version prints %q (%v), which is not a version; use mksquashfs 4.6 or newer", said, err)
	}
	version := words[2]
	return inventory.Component{Name: "squashfs-tools", Version: version, URL: "pkg:generic/squashfs-tools@" + version, Tool: true}, nil
}
