package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/service/systemd"
)

// version is the module's, as MODULE.bazel declares it; the linker sets it (x_defs).
var version = "devel"

const usage = `Counts visitors over HTTP, durably.

Usage:
  portable-walkthrough-go [--idle-timeout=DURATION]       started by its systemd socket unit
  portable-walkthrough-go --listen=ADDRESS [--listen=…]   started by hand

  --idle-timeout=DURATION  Exit after that long without a request or an open
                           connection, if started by a socket unit, which will
                           start it again. A number with a unit, such as 500ms,
                           30s or 1h30m; 0 is never. Default: 30s.
  --listen=ADDRESS         Listen on HOST:PORT, such as localhost:8088, or on a
                           Unix socket, whose path has a / in it. Repeatable.
  --version                Print the version.
  --help                   Print this.

Environment:
  STATE_DIRECTORY          Where the count is kept, in a file "visitors": an
                           absolute path (of several with : between them, the
                           first). systemd sets it from StateDirectory=.

GET / counts and answers with the visitor's number.
`

// options are what the command line says.
type options struct {
	idleTimeout time.Duration
	listen      []string
}

// errDone means that --help or --version was printed and nothing else is to be done.
var errDone = errors.New("done")

func parse(args []string, stdout io.Writer) (options, error) {
	o := options{}
	flags := flag.NewFlagSet("", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // The caller prints errors.
	flags.DurationVar(&o.idleTimeout, "idle-timeout", 30*time.Second, "")
	flags.Func("listen", "", func(address string) error {
		o.listen = append(o.listen, address)
		return nil
	})
	printVersion := flags.Bool("version", false, "")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, usage)
		return o, errDone
	case err != nil:
		return o, fmt.Errorf("%w; see --help", err)
	case *printVersion:
		fmt.Fprintf(stdout, "portable-walkthrough-go %s (%s)\n", version, runtime.Version())
		return o, errDone
	case flags.NArg() > 0:
		return o, fmt.Errorf("unknown argument %q; see --help", flags.Arg(0))
	case o.idleTimeout < 0:
		return o, fmt.Errorf("--idle-timeout=%v is negative; 0 means never", o.idleTimeout)
	}
	return o, nil
}

// listeners returns where to listen. Without socket activation it switches off exit
// on idle, since nothing would start the service again.
func (o *options) listeners() (all []net.Listener, err error) {
	activated := systemd.Activated()
	switch {
	case activated && len(o.listen) > 0:
		return nil, errors.New("the service manager passed sockets ($LISTEN_FDS), but --listen is set too: unset $LISTEN_FDS and $LISTEN_PID, or leave out --listen")
	case activated:
		return systemd.Listeners()
	case len(o.listen) == 0:
		return nil, errors.New("nowhere to listen: start the systemd socket unit, or use --listen=localhost:8088")
	}
	o.idleTimeout = 0
	defer func() {
		if err != nil {
			for _, listener := range all {
				listener.Close()
			}
		}
	}()
	for _, address := range o.listen {
		network := "tcp"
		if strings.Contains(address, "/") {
			network = "unix"
		}
		listener, err := net.Listen(network, address)
		if err != nil {
			return all, fmt.Errorf("--listen=%s: %w; want HOST:PORT or the path of a new Unix socket, with a / in it", address, err)
		}
		all = append(all, listener)
	}
	return all, nil
}
