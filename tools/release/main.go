// Release makes the files with which a version of this repository is published.
//
//	bazel run //tools/release -- --into=/tmp/release
//
// It writes, for the version that MODULE.bazel states:
//
//	NAME-VERSION.tar.gz  the source archive: what is committed, and nothing else
//	source.json          where the archive will be, and its digest, as Bazel's
//	                     Central Registry wants it (from .bcr/source.template.json)
//	metadata.json        who keeps the module, and where, for the Central Registry
//	release_notes.md     how to depend on it, and what has changed since the tag before
//
// Before you publish, replace the placeholders in .bcr/metadata.template.json; with --repository, the
// program refuses them. publish-to-bcr needs "attest: false": the Central Registry accepts attestations
// only of archives that bazel-contrib's release_ruleset workflow made.
//
// The same commit gives the same bytes, on any machine, for any user: times are the
// commit's, modes are 0755 and 0644, and settings of git do not affect it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"example.org/portable-walkthrough-go/tools/runfile"
)

func main() {
	ref := flag.String("ref", "HEAD", "the commit to release")
	into := flag.String("into", "release", "directory to write to; it is made")
	repository := flag.String("repository", "", "OWNER/REPO for the archive's address; without it, the template's {OWNER}/{REPO} stay for the person who publishes")
	flag.Parse()
	from := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if from == "" || flag.NArg() > 0 || *into == "" {
		fmt.Fprintln(os.Stderr, "usage: bazel run //tools/release -- [--ref=COMMIT] [--into=DIRECTORY] [--repository=OWNER/REPO]")
		os.Exit(2)
	}
	directory := runfile.Argument(*into)
	r, err := makeRelease(context.Background(), git{from}, *ref, *repository)
	if err == nil {
		err = r.write(directory)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
	for _, warning := range r.warnings {
		fmt.Fprintln(os.Stderr, "release: note:", warning)
	}
	fmt.Printf("%s %s\n", r.integrity, filepath.Join(directory, r.archiveName()))
}
