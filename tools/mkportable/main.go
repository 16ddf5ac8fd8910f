// Mkportable makes a portable service image: a squashfs file system of exactly
// the entries that a spec declares.
//
// It is the image action of portable_image (bzl/private/portable_image.bzl),
// which writes the spec; package image documents it. The contract:
//
//   - The same spec and the same contents give the same bytes. No clock, user,
//     umask, locale, environment, directory order or number of CPUs has a say.
//   - File contents are streamed: no staging tree, no copy on disk, and memory
//     that does not grow with them.
//   - The output appears whole or not at all.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"example.org/portable-walkthrough-go/tools/mkportable/image"
)

// memoryLimit is soft, in bytes: the names in a directory of a million files take some
// 16 MB, and nothing else grows.
const memoryLimit = 32 << 20

func main() {
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: mkportable [-quiet] SPEC\n       mkportable -manifest=FILE SPEC\n\nMakes, or lists, the portable service image that SPEC, a file of JSON lines, declares.")
		flag.PrintDefaults()
	}
	// What lives is far less: rather collect more often than grow to the double.
	debug.SetMemoryLimit(memoryLimit)
	quiet := flag.Bool("quiet", false, "do not tell how far a run of more than some seconds is")
	manifest := flag.String("manifest", "", "make no image, but a `FILE` that lists what it would hold")
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var progress io.Writer
	if !*quiet {
		progress = os.Stderr
	}
	var err error
	if *manifest != "" {
		err = image.List(flag.Arg(0), *manifest)
	} else {
		err = image.Build(ctx, flag.Arg(0), progress)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "mkportable: %v\n", err)
		os.Exit(1)
	}
}
