// Mkportable makes a portable service image: a squashfs file system of exactly
// the entries that a spec declares.
//
// It is the image action of portable_image (bzl/private/portable_image.bzl), and with
// --manifest the action that lists an image. The rule writes the spec, which package spec
// documents; the other flags describe how to make the image. The contract:
//
//   - The same spec, flags and contents give the same bytes, on any machine: the clock, user,
//     umask, locale, environment, directory order and number of CPUs do not change them.
//   - File contents are streamed: there is no staging tree and no copy on disk, and memory
//     grows only with the number of files.
//   - The output appears complete or not at all.
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
	// Most allocations are entries, which stay allocated, so more memory would save little time.
	debug.SetGCPercent(25)
	var fs image.FileSystem
	name := flag.String("spec", "", "the `FILE` that declares the image, as lines of JSON")
	manifest := flag.String("manifest", "", "make no image, but a `FILE` that lists its contents")
	flag.StringVar(&fs.Output, "output", "", "the `FILE` to make the image in")
	flag.StringVar(&fs.Mksquashfs.Path, "mksquashfs", "", "the `PROGRAM` that makes the file system")
	flag.StringVar(&fs.Mksquashfs.Loader, "loader", "", "the dynamic loader to start that `PROGRAM` with")
	flag.StringVar(&fs.Mksquashfs.Libraries, "libraries", "", "the `DIRECTORY` of the loader's libraries")
	flag.StringVar(&fs.Compression, "compression", "zstd", "the compressor: gzip, lz4, xz or zstd")
	flag.IntVar(&fs.Level, "level", 0, "the compressor's level, 0 for its default")
	flag.IntVar(&fs.BlockSize, "block-size", 1<<20, "how many bytes to compress together")
	flag.Int64Var(&fs.Timestamp, "timestamp", 0, "the time of all files, in `SECONDS` since 1970")
	flag.IntVar(&fs.Processors, "processors", 0, "the number of the compressor's threads, 0 for all processors")
	flag.IntVar(&fs.Memory, "memory", 0, "the `MIB` for mksquashfs's caches, 0 for a quarter of the machine's")
	label := flag.String("label", "", "the `TARGET` to name in an error about the size")
	made := flag.String("image", "", "make nothing, but compare the size of this `FILE`, listed by --manifest, with --max-size")
	maxSize := flag.Int64("max-size", 0, "how many `BYTES` an image may have")
	flag.Parse()
	if (*name == "") == (*made == "") || flag.NArg() != 0 {
		fmt.Fprintln(os.Stderr, "mkportable: make an image with --spec=FILE --output=FILE --mksquashfs=PROGRAM, a list of its contents with --spec=FILE --manifest=FILE, or verify its size with --image=FILE --manifest=FILE --max-size=BYTES --output=FILE")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	switch {
	case *made != "":
		err = image.CheckSize(*label, *made, *manifest, fs.Output, *maxSize)
	case *manifest != "":
		err = image.List(*name, *manifest)
	default:
		err = image.Build(ctx, *name, &fs)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "mkportable: %v\n", err)
		os.Exit(1)
	}
}
