package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/runfile"
)

// The only call of fail() in the rules.
const refusal = `fail("{} {}: attribute \"{}\": {}".format(rule, shown(ctx.label), attribute, message.format(*values)))`

// How the errors of macros begin: with rule, target and attribute.
const inMacro = `fail("{} //{}:{}: attribute \"`

// Every error of the rules goes through `refuse` of origin.bzl, which names rule, target and
// attribute. Its message has one sentence for the mistake and another one for the fix, and is
// in the table of //bzl/tests/analysis:errors.bzl, word for word.
func TestEveryErrorIsInTheTable(t *testing.T) {
	table, err := os.ReadFile("analysis/errors.bzl")
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for name, text := range sources(t, "private") {
		if name == "origin.bzl" {
			if strings.Count(text, "fail(") != 1 || !strings.Contains(text, refusal) {
				t.Errorf("%s: want one fail(), and that is %s", name, refusal)
			}
			continue
		}
		// A macro has no ctx: it fails while a package is loaded, which no test of an
		// analysis can show.
		if strings.Count(text, "fail(") != strings.Count(text, inMacro) {
			t.Errorf("%s: fail() names neither rule nor target; call refuse(), or begin with %s", name, inMacro)
		}
		for _, message := range messages(t, name, text, `refuse\(`, `\s*ctx,(?:\s*#.*)?\s*(?:"\w+"|rule|_RULE),\s*(?:"\w+"|attribute),\s*`) {
			refused++
			checkMessage(t, message, string(table))
		}
	}
	if refused == 0 {
		t.Error("nothing is refused")
	}
}

// The errors of repository rules name the repository. (No analysis can provoke them.)
func TestErrorsOfRepositories(t *testing.T) {
	failed := 0
	for name, text := range sources(t, "toolchains") {
		for _, message := range messages(t, name, text, `fail\(`, "") {
			failed++
			rest, ok := strings.CutPrefix(message, `repository '{}': `)
			if !ok {
				t.Errorf("%q does not name the repository", message)
			}
			checkSentences(t, rest)
		}
	}
	if failed == 0 {
		t.Error("nothing fails")
	}
}

// sources are the .bzl files of a directory, by name.
func sources(t *testing.T, directory string) map[string]string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(runfile.Of(t, "MARKER")), "bzl", directory, "*.bzl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no rules in %s: %v", directory, err)
	}
	texts := make(map[string]string)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[filepath.Base(path)] = string(text)
	}
	return texts
}

// messages are the texts that calls are made with, after some other arguments.
func messages(t *testing.T, name, text, call, before string) (found []string) {
	t.Helper()
	for _, match := range regexp.MustCompile(`\b`+call+before+`"((?:[^"\\]|\\.)*)"`).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	if calls := len(regexp.MustCompile(`\b`+call).FindAllString(text, -1)); calls != len(found) {
		t.Errorf("%s: %d of %d calls have a literal message in its place", name, len(found), calls)
	}
	return found
}

func checkSentences(t *testing.T, message string) {
	t.Helper()
	if !strings.Contains(message, ". ") || !strings.HasSuffix(message, ".") {
		t.Errorf("%q has no second sentence with a fix", message)
	}
}

func checkMessage(t *testing.T, message, table string) {
	t.Helper()
	checkSentences(t, message)
	// The longest part without a placeholder is in one of the table's texts.
	var longest string
	for _, part := range strings.Split(message, "{}") {
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
