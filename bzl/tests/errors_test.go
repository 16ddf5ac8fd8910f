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
// it, word for word.
func TestEveryErrorIsInTheTable(t *testing.T) {
	calls := regexp.MustCompile(`\bfail\(`)
	message := regexp.MustCompile(`\bfail\("((?:[^"\\]|\\.)*)"\.format\(`)
	table, err := os.ReadFile("analysis/errors.bzl")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := filepath.Glob(filepath.Join(filepath.Dir(squashfs.Runfile(t, "MARKER")), "bzl/private/*.bzl"))
	if err != nil || len(rules) == 0 {
		t.Fatalf("no rules: %v", err)
	}
	seen := 0
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
			seen++
			checkMessage(t, match[1], string(table))
		}
	}
	if seen == 0 {
		t.Error("no fail() at all")
	}
}

func checkMessage(t *testing.T, message, table string) {
	t.Helper()
	rest, ok := strings.CutPrefix(message, `{}: attribute \"`)
	if !ok {
		t.Errorf("%q does not name target and attribute first", message)
		return
	}
	if !strings.Contains(rest, ". ") || !strings.HasSuffix(rest, ".") {
		t.Errorf("%q has no second sentence that tells a way out", message)
	}
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
