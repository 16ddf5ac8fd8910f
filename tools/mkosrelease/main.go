// Mkosrelease writes an os-release(5) file.
//
// It is the action of the rule os_release (bzl/private/os_release.bzl). The
// contract: the same arguments and status files give the same bytes, and both a shell and systemd
// read the given values from the file.
//
//	mkosrelease --label //:os_release --output FILE \
//	  --field ID=hello --field 'PRETTY_NAME=Hello, World' \
//	  --status stable-status.txt --stamp BUILD_ID=STABLE_VCS_REF
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"example.org/portable-walkthrough-go/tools/osrelease"
)

func main() {
	label := flag.String("label", "", "the Bazel target to name in errors")
	output := flag.String("output", "", "the file to write")
	fields, stamps := make(map[string]string), make(map[string]string)
	flag.Func("field", "a FIELD=VALUE; may be repeated", pairs(fields))
	flag.Func("stamp", "a FIELD=KEY, whose value is that key's in the status; may be repeated", pairs(stamps))
	var status []string
	flag.Func("status", "a file of lines KEY VALUE, Bazel's workspace status; may be repeated", func(name string) error {
		status = append(status, name)
		return nil
	})
	flag.Parse()
	if err := run(*output, fields, stamps, status); err != nil {
		fmt.Fprintf(os.Stderr, "mkosrelease: %s: %v\n", *label, err)
		os.Exit(1)
	}
}

func pairs(into map[string]string) func(string) error {
	return func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("%q has no =", text)
		}
		into[key] = value
		return nil
	}
}

func run(output string, fields, stamps map[string]string, status []string) error {
	if err := stamp(fields, stamps, status); err != nil {
		return err
	}
	text, err := osrelease.Format(fields)
	if err != nil {
		return err
	}
	return os.WriteFile(output, text, 0o644)
}
