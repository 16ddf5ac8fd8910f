package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/bzl/tests/squashfs"
)

// Every fail() of the rules names target and attribute, says what is wrong and, in
// another sentence, what to do; and the table of //bzl/tests/analysis:errors.bzl has
// it, word for word. Those of repository rules name the repository; no analysis can
// provoke them.
func TestEveryErrorIsInTheTable(t *testing.T) {
	calls := regexp.MustCompile(`\bfail\(`)
	message := regexp.MustCompile(`\bfail\("((?:[^"\\]|\\.)*)"\.format\(`)
	table, err := os.ReadFile("analysis/errors.bzl")
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, directory := range []string{"private", "toolchains"} {
		found, err := filepath.Glob(filepath.Join(filepath.Dir(squashfs.Runfile(t, "MARKER")), "bzl", directory, "*.bzl"))
		if err != nil || len(found) == 0 {
			t.Fatalf("no rules in %s: %v", directory, err)
		}
		rules = append(rules, found...)
	}
	seen := make(map[string]int)
	for _, name := range rules {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		messages := message.FindAllStringSubmatch(string(text), -1)
		if n := len(calls.FindAll(text, -1)); n != len(messages) {
			t.Errorf("%s: %d of %d calls of fail() have a message of the form \"…\".format(…)", name, len(messages), n)
		}
		for _, match := range messages {
			directory := filepath.Base(filepath.Dir(name))
			seen[directory]++
			if directory == "toolchains" {
				checkSentences(t, match[1], `repository '{}': `)
			} else {
				checkMessage(t, match[1], string(table))
			}
		}
	}
	if seen["private"] == 0 || seen["toolchains"] == 0 {
		t.Errorf("fail() is called by %v only", seen)
	}
}

// checkSentences returns what comes after the name of where the mistake is.
func checkSentences(t *testing.T, message, where string) string {
	t.Helper()
	rest, ok := strings.CutPrefix(message, where)
	if !ok {
		t.Errorf("%q does not begin with %q", message, where)
	}
	if !strings.Contains(rest, ". ") || !strings.HasSuffix(rest, ".") {
		t.Errorf("%q has no second sentence that tells a way out", message)
	}
	return rest
}

func checkMessage(t *testing.T, message, table string) {
	t.Helper()
	rest := checkSentences(t, message, `{}: attribute \"`)
	// The longest part without a placeholder is in one of the table's texts.
	var longest string
	for _, part := range strings.Split(rest, "{}") {
		if len(part) > len(longest) {
			longest = part
		}
	}
	for _, text := range regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(table, -1) {
		if len(text[1]) > 10 && strings.Contains(longest, text[1]) {
			return
		}
	}
	t.Errorf("no text of the table is part of %q", longest)
}
