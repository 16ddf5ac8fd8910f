// Mkroot makes of a suite's unpacked packages what a virtual machine boots: a kernel,
// and an initial root file system with systemd. It does what the packages' maintainer
// scripts would have done, as far as a test needs it; the output is the same for the
// same packages.
//
// usage: mkroot ROOT.TAR KERNEL INITRD
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: mkroot ROOT.TAR KERNEL INITRD")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintf(os.Stderr, "mkroot: %s: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
