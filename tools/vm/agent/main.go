// Agent is the part of //tools/vm that runs inside a virtual machine: first as the
// kernel's /init, where it loads modules and becomes systemd; then as a service,
// where it runs the test and sends what comes of it to the machine's second serial
// port and output disk.
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	switch {
	case os.Getpid() == 1:
		err = boot()
	default:
		err = serve()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "agent:", err)
		os.Exit(1)
	}
}
