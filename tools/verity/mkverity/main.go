// Mkverity makes a disk image with a dm-verity hash tree of a squashfs.
//
// It is the action of portable_verity (bzl/private/portable_verity.bzl). The contract:
//
//   - Equal squashfs file systems for one architecture give equal bytes. Salt and UUIDs
//     depend on nothing but the squashfs's content.
//   - The squashfs is streamed; memory does not grow with it. Blocks are hashed in parallel.
//   - The outputs appear whole or not at all.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"example.org/portable-walkthrough-go/tools/verity/ddi"
	"example.org/portable-walkthrough-go/tools/verity/outputs"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: mkverity --architecture=NAME [--roothash=FILE] [--manifest=FILE] SQUASHFS OUTPUT\n\nMakes OUTPUT, a disk image with a dm-verity hash tree of SQUASHFS.")
		flag.PrintDefaults()
	}
	architecture := flag.String("architecture", "", "systemd's `name` of the CPU that the image is for, such as x86-64")
	roothash := flag.String("roothash", "", "write the root hash, in hex, to this `file`")
	manifest := flag.String("manifest", "", "write the layout of the image, as JSON, to this `file`")
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, flag.Arg(0), *architecture, flag.Arg(1), *roothash, *manifest); err != nil {
		fmt.Fprintf(os.Stderr, "mkverity: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, squashfs, architecture, image, roothash, manifest string) error {
	from, err := os.Open(squashfs)
	if err != nil {
		return err
	}
	defer from.Close()
	var files outputs.Files
	defer files.Discard()
	to, err := files.Create(image)
	if err != nil {
		return err
	}
	made, err := ddi.Make(ctx, from, architecture, to)
	if err != nil {
		return err
	}
	if roothash != "" {
		// Without a newline, because it is signed without one.
		if err := files.Write(roothash, made.RootHash); err != nil {
			return err
		}
	}
	if manifest != "" {
		text, err := json.MarshalIndent(made, "", "  ")
		if err != nil {
			return err
		}
		if err := files.Write(manifest, string(text)+"\n"); err != nil {
			return err
		}
	}
	return files.Commit()
}
