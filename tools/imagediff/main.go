// Imagediff lists the paths in which two squashfs images differ, with the fields.
//
//	bazel run //tools/imagediff -- /path/to/one.raw /path/to/other.raw
//
// It prints a line for each difference, the first image's value before the other's.
// The exit status is diff(1)'s: 0 if the images have the same bytes, 1 if they
// differ, 2 for trouble.
package main

import (
	"context"
	"fmt"
	"os"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/squashfs"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: imagediff IMAGE IMAGE")
		os.Exit(2)
	}
	differences, err := diff(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "imagediff:", err)
		os.Exit(2)
	}
	for _, difference := range differences {
		fmt.Println(difference)
	}
	if len(differences) > 0 {
		os.Exit(1)
	}
}

func diff(a, b string) ([]string, error) {
	unsquashfs, err := runfile.Program("UNSQUASHFS")
	if err != nil {
		return nil, err
	}
	return squashfs.Unsquashfs{Program: unsquashfs}.Diff(context.Background(), runfile.Argument(a), runfile.Argument(b))
}
