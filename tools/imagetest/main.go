// Imagetest verifies the contents of a portable service image by its manifest: the rule
// portable_image_test. Nothing is unpacked or booted.
//
// usage: imagetest [-update], with $IMAGE_TEST, the description that the rule writes
//
// It prints every mistake, and fails if there is one. With -update, under bazel run, it
// writes the golden file instead of comparing with it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/runfile"
)

func main() {
	update := flag.Bool("update", false, "write the golden file")
	flag.Parse()
	mistakes, err := run(*update)
	if err != nil {
		fmt.Fprintln(os.Stderr, "imagetest:", err)
		os.Exit(2)
	}
	for _, mistake := range mistakes {
		fmt.Println(mistake)
	}
	if len(mistakes) > 0 {
		os.Exit(1)
	}
}

func run(update bool) ([]string, error) {
	path, err := runfile.Path("IMAGE_TEST")
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var e expectations
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if path, err = runfiles.Rlocation(e.Manifest); err != nil {
		return nil, err
	}
	manifest, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	image, err := parse(string(manifest))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if path, err = runfiles.Rlocation(e.Image); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	mistakes, err := e.judge(image, info.Size())
	switch {
	case err != nil:
		return nil, err
	case update:
		return mistakes, e.update(image)
	case e.Golden == "":
		return mistakes, nil
	}
	if path, err = runfiles.Rlocation(e.Golden); err != nil {
		return nil, err
	}
	want, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return append(mistakes, e.compare(string(want), image)...), nil
}

// update writes the golden file into the workspace, which bazel run names.
func (e *expectations) update(image []entry) error {
	workspace := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	switch {
	case e.Golden == "":
		return fmt.Errorf("-update: %s has no golden file; name one with golden", e.Label)
	case workspace == "":
		return fmt.Errorf("-update writes to the workspace, which a test does not see; fix: bazel run %s -- -update", e.Label)
	case !filepath.IsLocal(e.Source):
		return fmt.Errorf("-update: the golden file %s belongs to another repository; update it there", e.Source)
	}
	path := filepath.Join(workspace, e.Source)
	if err := os.WriteFile(path, []byte(golden(image)), 0o644); err != nil {
		return err
	}
	fmt.Println("wrote", path)
	return nil
}
