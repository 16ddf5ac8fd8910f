package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"syscall"
	"time"

	"example.org/portable-walkthrough-go/service/activation"
	"example.org/portable-walkthrough-go/service/idle"
)

// version is MODULE.bazel's; a test compares them.
const version = "0.1.0"

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

// errDone means that --help or --version was all that was asked for.
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
		return o, fmt.Errorf("%w; --help says what there is", err)
	case *printVersion:
		fmt.Fprintf(stdout, "portable-walkthrough-go %s (%s)\n", version, runtime.Version())
		return o, errDone
	case flags.NArg() > 0:
		return o, fmt.Errorf("unknown argument %q; --help says what there is", flags.Arg(0))
	case o.idleTimeout < 0:
		return o, fmt.Errorf("--idle-timeout=%v is negative; 0 means never", o.idleTimeout)
	}
	return o, nil
}

// server returns how to serve; listeners has been called before.
func (o *options) server(log *slog.Logger) idle.Options {
	return idle.Options{Timeout: o.idleTimeout, DrainTimeout: drainTimeout, MaxConnections: maxConnections(), Log: log}
}

// maxConnections leaves some file descriptors for all else.
func maxConnections() int {
	const most, reserve = 16384, 64
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur > most+reserve {
		return most
	}
	return max(1, int(files.Cur)-reserve)
}

// listeners returns where to listen. Exit on idle is only for sockets that somebody
// else holds, so it switches that off for others.
func (o *options) listeners() (all []net.Listener, err error) {
	activated := activation.Requested()
	switch {
	case activated && len(o.listen) > 0:
		return nil, errors.New("both sockets from the service manager ($LISTEN_FDS) and --listen: only one of them can be meant")
	case activated:
		return activation.Listeners()
	case len(o.listen) == 0:
		return nil, errors.New("nowhere to listen: start the systemd socket unit, or say --listen=localhost:8088")
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
