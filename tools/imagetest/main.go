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
	if err != nil || e.Golden == "" {
		return mistakes, err
	}
	if update {
		source := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), e.Source)
		return mistakes, os.WriteFile(source, []byte(golden(image)), 0o644)
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
