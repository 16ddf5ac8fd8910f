// Deploy attaches a portable service image to hosts, upgrades it without losing a request,
// and rolls back if the new one does not come up. The rule portable_deploy starts it:
//
//	bazel run //:deploy -- COMMAND [--host=USER@HOST]... [OPTION]...
//
// It talks to hosts by OpenSSH's own client, and to systemd by systemd's own programs; a host
// needs nothing but these, coreutils, flock and a POSIX shell, and gets nothing but the image.
// What it does there is in scripts/, a shell script for each step; --dry-run prints them.
//
// On a host it writes, for a portable service NAME:
//
//	DIRECTORY/NAME_VERSION-DIGEST.raw  the images, of which it keeps the last ones
//	DIRECTORY/NAME_VERSION-DIGEST.roothash, .roothash.p7s   root hash and signature, for a systemd that
//	                                   does not find them in the image
//	DIRECTORY/NAME.history             a line for each: digest, file, version, profile, time
//	/run/portable-deploy-NAME.lock     the deployment under way
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/provision/outside"
	"example.org/portable-walkthrough-go/tools/verity/ddi"
)

// options are the command line's.
type options struct {
	command  string
	hosts    []string
	profile  string
	now      bool
	dryRun   bool
	purge    bool
	follow   bool
	lines    int
	parallel int
	failures int
	// certificate is a file to be installed, for images that are signed.
	certificate string
	// signed is a directory with signed images, to be deployed instead of the build's.
	signed string

	// Where a host has what portabled made, its profiles, locks and certificates; tests have
	// their own.
	attached, profiles, locks, trust string
}

type list []string

func (l *list) String() string { return strings.Join(*l, ",") }
func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

// errUsage means that the flag package has printed the error.
var errUsage = errors.New("usage")

func parse(arguments []string, c config) (o options, err error) {
	o.attached, o.profiles, o.locks, o.trust = attachedDirectories, profileDirectories, lockDirectory, trustDirectory
	flags := flag.NewFlagSet("deploy", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: bazel run %s -- %s [OPTION]...\n", c.Label, strings.Join(slices.Sorted(maps.Keys(commands)), "|"))
		flags.PrintDefaults()
	}
	flags.Var((*list)(&o.hosts), "host", "a host, as for ssh(1); may be repeated. Default: the target's hosts, else this machine")
	flags.StringVar(&o.profile, "profile", c.Profile, "the profile to attach with")
	flags.BoolVar(&o.now, "now", false, "upgrade, rollback: restart sockets, timers and paths too, as is needed when they change; connections are refused for a moment")
	flags.BoolVar(&o.dryRun, "dry-run", false, "look at the hosts, and print every command that would change something instead of running it")
	flags.BoolVar(&o.purge, "purge", false, "detach: remove the services' state, caches, logs and configuration, and all images too")
	flags.BoolVar(&o.follow, "follow", false, "logs: go on printing")
	flags.IntVar(&o.lines, "lines", 50, "logs: how many lines")
	flags.IntVar(&o.parallel, "parallel", 5, "how many hosts to work on at once")
	flags.IntVar(&o.failures, "max-failures", 1, "begin no further host when so many have failed; 0 for no limit")
	flags.StringVar(&o.certificate, "install-certificate", "", "attach, upgrade: install this certificate (PEM) in the hosts' /etc/verity.d, so that they trust images that it signs")
	flags.StringVar(&o.signed, "signed", "", "the directory with the signed images that a portable_sign target wrote; deploy these instead of the build's")
	// The command comes first, last or in between.
	for rest := arguments; ; {
		if err := flags.Parse(rest); err != nil {
			return o, errUsage
		}
		if flags.NArg() == 0 {
			break
		}
		if o.command != "" {
			return o, fmt.Errorf("two commands, %q and %q; give one", o.command, flags.Arg(0))
		}
		o.command, rest = flags.Arg(0), flags.Args()[1:]
	}
	if _, ok := commands[o.command]; !ok {
		return o, fmt.Errorf("unknown command %q; give one of %s", o.command, strings.Join(slices.Sorted(maps.Keys(commands)), ", "))
	}
	if o.parallel < 1 || o.failures < 0 {
		return o, errors.New("--parallel must be at least 1, and --max-failures at least 0")
	}
	if len(o.hosts) == 0 {
		o.hosts = c.Hosts
	}
	if len(o.hosts) == 0 {
		o.hosts = []string{""}
	}
	if sorted := slices.Sorted(slices.Values(o.hosts)); len(slices.Compact(sorted)) < len(o.hosts) {
		return o, errors.New("a host is given twice; give each once")
	}
	return o, nil
}

func main() {
	err := run()
	if err != nil && !errors.Is(err, errUsage) {
		fmt.Fprintln(os.Stderr, "deploy:", err)
	}
	if err != nil {
		os.Exit(1)
	}
}

func run() error {
	// ssh and sudo are the machine's own.
	if left, err := outside.Leave(); left || err != nil {
		return err
	}
	c, err := readConfig()
	if err != nil {
		return err
	}
	o, err := parse(os.Args[1:], c)
	if err != nil {
		return err
	}
	// bazel run changes the directory.
	if directory := os.Getenv("BUILD_WORKING_DIRECTORY"); directory != "" {
		if err := os.Chdir(directory); err != nil {
			return err
		}
	}
	images := map[string]image{}
	for architecture, location := range c.Images {
		path, err := runfiles.Rlocation(location)
		if err != nil {
			return err
		}
		if o.signed != "" {
			if path, err = ddi.SignedIn(o.signed, path); err != nil {
				return fmt.Errorf("--signed: %w", err)
			}
		}
		if images[architecture], err = openImage(path); err != nil {
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return deployAll(ctx, c, o, images)
}
