// Sign signs images that have a dm-verity hash tree, and verifies signed ones.
//
// `bazel run` starts it for a target of portable_sign (bzl/private/portable_sign.bzl),
// on the user's own machine and never in an action: no key ever enters the build. The contract:
//
//   - NAME.raw, NAME.roothash and NAME.roothash.p7s appear in the directory whole, those of all
//     images, or not at all. The unsigned image stays as it is.
//   - With an RSA key equal images give equal bytes.
//   - Neither a passphrase, nor a key, nor where key and certificate are, is printed or on the
//     command line of another program.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := parse(os.Args[1:], os.Stderr)
	if err == nil {
		c.out = os.Stdout
		c.warn = func(format string, values ...any) { fmt.Fprintf(os.Stderr, "sign: warning: "+format+"\n", values...) }
		err = c.run(ctx)
	}
	var usage usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "sign: %v\n", err)
		os.Exit(2)
	case err != nil:
		fmt.Fprintf(os.Stderr, "sign: %v\n", err)
		os.Exit(1)
	}
}
