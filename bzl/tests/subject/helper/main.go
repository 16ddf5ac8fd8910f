// Helper prints the path and the content of one of its runfiles. In an image they lie beside it.
package main

import (
	"fmt"
	"os"

	"github.com/bazelbuild/rules_go/go/runfiles"
)

// location is set when the program is linked.
var location string

func main() {
	path, err := runfiles.Rlocation(location)
	if err == nil {
		var content []byte
		if content, err = os.ReadFile(path); err == nil {
			fmt.Printf("%s\n%s", path, content)
			return
		}
	}
	fmt.Fprintln(os.Stderr, "helper:", err)
	os.Exit(1)
}
