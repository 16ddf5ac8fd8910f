// Checkportable finds mistakes in a portable service image before any host does.
//
// It is the check action of portable_image (bzl/private/checks.bzl), and reads
// the same spec as mkportable; package check has the checks. The contract:
//
//   - "checkportable --spec=SPEC OPTIONS TEXT JSON" writes a report for a person and one for
//     a machine, and exits 0 regardless of the findings, so that Bazel keeps the report.
//   - "checkportable --verdict JSON OUTPUT" prints a report's errors and exits 1 if
//     there are any; otherwise it writes an empty OUTPUT.
//   - Reports depend on the spec, the options and the files that the spec names.
package main

import (
	"flag"
	"fmt"
	"os"

	"example.org/portable-walkthrough-go/tools/checkportable/check"
)

func main() {
	spec := flag.String("spec", "", "the `FILE` that declares the image to check")
	verdict := flag.Bool("verdict", false, "judge a report")
	flag.Parse()
	var err error
	switch args := flag.Args(); {
	case *verdict && len(args) == 2:
		err = check.Verdict(args[0], args[1], os.Stderr)
	case *spec != "" && len(args) == 3:
		err = check.Files(*spec, args[0], args[1], args[2])
	default:
		err = fmt.Errorf("usage: checkportable --spec=SPEC OPTIONS TEXT JSON, or checkportable --verdict JSON OUTPUT")
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "checkportable: %v\n", err)
		os.Exit(1)
	}
}
