// Mkportable makes a portable service image: a squashfs file system of exactly
// the entries that a spec declares.
//
// It is the image action of portable_image (bzl/private/portable_image.bzl),
// which writes the spec; package spec documents it. The contract:
//
//   - The same spec and the same contents give the same bytes. No clock, user,
//     umask, locale, environment, directory order or number of CPUs has a say.
//   - File contents are streamed: no staging tree, no copy on disk, and memory
//     that grows with the number of files only.
//   - The output appears whole or not at all.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"example.org/portable-walkthrough-go/tools/mkportable/image"
)

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: mkportable SPEC\n       mkportable -manifest=FILE SPEC\n\nMakes, or lists, the portable service image that SPEC, a file of JSON lines, declares.")
		flag.PrintDefaults()
	}
	// What is allocated is mostly the entries, which stay: more memory would save little time.
	debug.SetGCPercent(25)
	manifest := flag.String("manifest", "", "make no image, but a `FILE` that lists what it would hold")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if *manifest != "" {
		err = image.List(flag.Arg(0), *manifest)
	} else {
		err = image.Build(ctx, flag.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "mkportable: %v\n", err)
		os.Exit(1)
	}
}
