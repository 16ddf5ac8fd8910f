// Canary is an action that tries to do things that no action may do, and records its successes.
// Only for the proof that nothing can be: see ../README.md.
//
// usage: canary OUT
//
// $CANARY_BAIT, which --action_env sets, has the things to try, with a comma between two:
//
//	env:NAME        an environment variable
//	hostname:NAME   the machine's name
//	read:PATH       a file or a directory
//	tcp:HOST:PORT   a connection
//	unix:PATH       a connection to a socket in the file system
//	write:PATH      a new file
//
// OUT gets a line for each: "reached" or "denied", the bait, and the reason.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "canary:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: canary OUT")
	}
	bait := os.Getenv("CANARY_BAIT")
	if bait == "" {
		return errors.New("no bait; build with --action_env=CANARY_BAIT=read:/etc/passwd,…")
	}
	var said strings.Builder
	for one := range strings.SplitSeq(bait, ",") {
		switch err := try(one); {
		case errors.Is(err, errUnknown):
			return err
		case err != nil:
			fmt.Fprintf(&said, "denied %s: %v\n", one, err)
		default:
			fmt.Fprintf(&said, "reached %s\n", one)
		}
	}
	return os.WriteFile(args[0], []byte(said.String()), 0o644)
}

var errUnknown = errors.New("no such bait")

// try is nil if the bait was reached.
func try(bait string) error {
	kind, what, _ := strings.Cut(bait, ":")
	switch kind {
	case "env":
		if _, set := os.LookupEnv(what); !set {
			return errors.New("not set")
		}
		return nil
	case "hostname":
		name, err := os.Hostname()
		if err == nil && name != what {
			err = fmt.Errorf("it is %q", name)
		}
		return err
	case "read":
		return read(what)
	case "tcp", "unix":
		conn, err := net.DialTimeout(kind, what, time.Minute)
		if err != nil {
			return err
		}
		return conn.Close()
	case "write":
		return os.WriteFile(what, []byte("the canary was here\n"), 0o644)
	}
	return fmt.Errorf("%w: %q", errUnknown, bait)
}

// read reads a byte, or a name in a directory.
func read(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.IsDir() {
		_, err = file.Readdirnames(1)
	} else {
		_, err = file.Read(make([]byte, 1))
	}
	return err
}
