package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	// relativeLink is a Markdown link without a scheme: a path, a heading, or both.
	relativeLink = regexp.MustCompile(`\]\(([^():\s#]*)(#[^()\s]*)?\)`)
	heading      = regexp.MustCompile(`(?m)^#+ (.*)$`)
	// notInAnchors are the characters that GitHub removes from a heading to make its anchor.
	notInAnchors = regexp.MustCompile(`[^\pL\pN_ -]`)
)

func isMarkdown(name string, _ []byte) bool { return path.Ext(name) == ".md" }

// brokenLinks returns a check that finds relative links to missing files and headings.
func brokenLinks(workspace string) func(name string, content []byte) ([]string, error) {
	return func(name string, content []byte) (found []string, err error) {
		number := 0
		for line := range strings.Lines(string(content)) {
			number++
			for _, link := range relativeLink.FindAllStringSubmatch(line, -1) {
				target := name
				if link[1] != "" {
					target = path.Join(path.Dir(name), link[1])
				}
				file := filepath.Join(workspace, target)
				if _, err := os.Stat(file); err != nil {
					found = append(found, fmt.Sprintf("%s:%d: the link leads to %s, which does not exist", name, number, target))
					continue
				}
				if link[2] == "" || !isMarkdown(target, nil) {
					continue
				}
				page, err := os.ReadFile(file)
				if err != nil {
					return nil, err
				}
				if !hasAnchor(string(page), link[2]) {
					found = append(found, fmt.Sprintf("%s:%d: the link leads to %s%s, but that page has no such heading", name, number, target, link[2]))
				}
			}
		}
		return found, nil
	}
}

func hasAnchor(page, anchor string) bool {
	for _, title := range heading.FindAllStringSubmatch(page, -1) {
		text := notInAnchors.ReplaceAllString(strings.ToLower(title[1]), "")
		if "#"+strings.ReplaceAll(text, " ", "-") == anchor {
			return true
		}
	}
	return false
}
