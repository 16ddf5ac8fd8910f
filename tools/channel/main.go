// Channel makes and publishes a directory that hosts update from: images with their versions in
// their names and SHA256SUMS, as systemd-sysupdate(8), importctl(1) and sha256sum(1) read them.
//
//	channel sums OUT NAME=FILE...   writes OUT, the digests of files (rule portable_channel)
//	channel [OPTION]... --into=TO   publishes what PROGRAM.json lists (bazel run //:channel.publish)
//
// Publishing adds a version to the directory. Files get their names when they are complete, and SHA256SUMS comes
// last, so that a client sees the old version or the new one. The bytes of a published version
// never change. Of each image the last versions stay.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/provision/outside"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// A config is the configuration that the rule portable_channel writes.
type config struct {
	// Label is the target's.
	Label string `json:"label"`
	// Version is that of the images.
	Version string `json:"version"`
	// Images are runfiles locations by their published names, NAME_VERSION_ARCHITECTURE.raw.
	Images map[string]string `json:"images"`
	// Settings are the locations of what hosts copy into their configuration, by published name. They
	// have no version, and may change.
	Settings map[string]string `json:"settings"`
	// Keep is how many versions stay.
	Keep int `json:"keep"`
}

func main() {
	if err := run(); err != nil {
		if !errors.Is(err, errUsage) {
			fmt.Fprintln(os.Stderr, "channel:", err)
		}
		os.Exit(1)
	}
}

// errUsage means that the flag package has printed the error.
var errUsage = errors.New("usage")

func run() error {
	if len(os.Args) > 2 && os.Args[1] == "sums" {
		return writeSums(os.Args[2], os.Args[3:])
	}
	// rsync, and the command that signs, are the machine's own.
	if left, err := outside.Leave(); left || err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	p, into, err := parse(os.Args[1:])
	if err != nil {
		return err
	}
	if !isRsync(into) {
		return p.publish(ctx, directory(runfile.Argument(into)))
	}
	scratch, err := os.MkdirTemp("", "channel")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	return p.publish(ctx, rsync{strings.TrimSuffix(into, "/"), scratch})
}

func parse(arguments []string) (p publication, into string, err error) {
	path := os.Getenv("PORTABLE_CHANNEL")
	if path == "" {
		path = os.Args[0] + ".json"
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return p, "", fmt.Errorf("%w; fix: start this by the .publish target of a portable_channel", err)
	}
	if err != nil {
		return p, "", err
	}
	if err := json.Unmarshal(text, &p.config); err != nil {
		return p, "", fmt.Errorf("%s: %w", path, err)
	}
	flags := flag.NewFlagSet("channel", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: bazel run %s.publish -- --into=DIRECTORY|rsync target [OPTION]...\n", p.config.Label)
		flags.PrintDefaults()
	}
	flags.StringVar(&into, "into", "", "where to publish: a directory, or a target of rsync(1) such as HOST:/srv/www/channel")
	flags.IntVar(&p.config.Keep, "keep", p.config.Keep, "how many versions stay")
	flags.StringVar(&p.sign, "sign", "", "a shell command that reads SHA256SUMS and prints a detached signature, which becomes SHA256SUMS.gpg: 'gpg --detach-sign --local-user=KEY'")
	signed := flags.String("signed", "", "the directory with the signed images that a portable_sign target wrote; publish these instead of the build's")
	best := flags.String("best-before", "", "add BEST-BEFORE-DATE, after which systemd 260 and newer refuse the channel as stale: a date such as 2030-12-31, or a number of days such as 90d")
	if err := flags.Parse(arguments); err != nil {
		return p, "", errUsage
	}
	switch {
	case flags.NArg() > 0:
		return p, "", fmt.Errorf("unexpected %q; options begin with --", flags.Arg(0))
	case into == "":
		return p, "", errors.New("--into is missing; name a directory, or a target of rsync")
	case p.config.Keep < 1:
		return p, "", errors.New("--keep must be at least 1")
	}
	if p.bestBefore, err = parseDate(*best, time.Now()); err != nil {
		return p, "", err
	}
	for _, files := range []map[string]string{p.config.Images, p.config.Settings} {
		for name, location := range files {
			if files[name], err = runfiles.Rlocation(location); err != nil {
				return p, "", err
			}
		}
	}
	if *signed != "" {
		if err := p.takeSigned(runfile.Argument(*signed)); err != nil {
			return p, "", fmt.Errorf("--signed: %w", err)
		}
	}
	return p, into, nil
}

// parseDate reads --best-before.
func parseDate(text string, now time.Time) (string, error) {
	if text == "" {
		return "", nil
	}
	var days int
	if _, err := fmt.Sscanf(text, "%dd", &days); err == nil && text == fmt.Sprintf("%dd", days) && days > 0 {
		return now.UTC().AddDate(0, 0, days).Format(time.DateOnly), nil
	}
	if _, err := time.Parse(time.DateOnly, text); err != nil {
		return "", fmt.Errorf("--best-before=%s: write a date such as 2030-12-31, or a number of days such as 90d", text)
	}
	return text, nil
}

// isRsync distinguishes a target of rsync(1) from a directory as rsync does: by a colon before any slash.
func isRsync(into string) bool {
	colon := strings.IndexByte(into, ':')
	return colon > 0 && !strings.Contains(into[:colon], "/")
}
