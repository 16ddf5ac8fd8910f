package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/sha256sum"
)

// build is what portable_channel makes for a version.
func build(t *testing.T, version, content string) publication {
	t.Helper()
	into := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(into, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	images := map[string]string{}
	for _, architecture := range []string{"arm64", "x86-64"} {
		name := "hello_" + version + "_" + architecture + ".raw"
		images[name] = write(name, content+architecture)
	}
	return publication{config: config{Version: version, Images: images, Settings: map[string]string{"hello.transfer": write("hello.transfer", "[Transfer]\n")}, Keep: 2}}
}

// containsOnly verifies that a directory contains these files, and SHA256SUMS by sha256sum(1).
func containsOnly(t *testing.T, into string, want ...string) {
	t.Helper()
	cmd := exec.Command("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
	cmd.Dir = into
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v: %s", err, out)
	}
	entries, err := os.ReadDir(into)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	want = append(want, "SHA256SUMS", "hello.transfer")
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("files are\n%q, want\n%q", got, want)
	}
}

func TestPublish(t *testing.T) {
	into := directory(filepath.Join(t.TempDir(), "channel"))
	publish := func(p publication) {
		t.Helper()
		if err := p.publish(t.Context(), into); err != nil {
			t.Fatal(err)
		}
	}
	publish(build(t, "1.9", "one"))
	publish(build(t, "1.9", "one"))
	containsOnly(t, string(into), "hello_1.9_arm64.raw", "hello_1.9_x86-64.raw")
	publish(build(t, "1.10", "two"))
	publish(build(t, "1.11~rc1", "three"))
	// 1.9 is the oldest, though not by its letters.
	containsOnly(t, string(into), "hello_1.10_arm64.raw", "hello_1.10_x86-64.raw", "hello_1.11~rc1_arm64.raw", "hello_1.11~rc1_x86-64.raw")

	before, err := os.ReadFile(into.path(sumsName))
	if err != nil {
		t.Fatal(err)
	}
	if err := build(t, "1.10", "other").publish(t.Context(), into); err == nil || !strings.Contains(err.Error(), "hello_1.10_arm64.raw is published with other bytes") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(into.path("hello_1.10_arm64.raw"), []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := build(t, "1.10", "two").publish(t.Context(), into); err == nil || !strings.Contains(err.Error(), "does not have the digest that SHA256SUMS lists") {
		t.Errorf("got %v", err)
	}
	if after, err := os.ReadFile(into.path(sumsName)); err != nil || string(after) != string(before) {
		t.Errorf("SHA256SUMS was changed: %v", err)
	}
}

// Files of other images do not count as versions.
func TestKeepsOthers(t *testing.T) {
	p := build(t, "3", "")
	now := sums{"hello_1_arm64.raw": "", "hello_2_arm64.raw": "", "hello_3_arm64.raw": "", "hello-more_1_arm64.raw": "", "hello_1_riscv64.raw": "", "hello_3_x86-64.raw": ""}
	if got := p.old(now); !slices.Equal(got, []string{"hello_1_arm64.raw"}) {
		t.Errorf("got %q", got)
	}
}

func TestSignature(t *testing.T) {
	into := directory(t.TempDir())
	p := build(t, "1", "one")
	p.sign = "cat >/dev/null; exit 7"
	if err := p.publish(t.Context(), into); err == nil || !strings.Contains(err.Error(), "exit status 7") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(into.path(sumsName)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("SHA256SUMS is published without its signature: %v", err)
	}
	p.sign, p.bestBefore = "sha256sum", "2030-12-31"
	if err := p.publish(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	containsOnly(t, string(into), "hello_1_arm64.raw", "hello_1_x86-64.raw", signatureName, "BEST-BEFORE-2030-12-31")
	digest, err := sha256sum.OfFile(into.path(sumsName))
	if err != nil {
		t.Fatal(err)
	}
	if signature, err := os.ReadFile(into.path(signatureName)); err != nil || !strings.HasPrefix(string(signature), digest) {
		t.Errorf("%s does not sign what is published: %q, %v", signatureName, signature, err)
	}
	p = build(t, "2", "two")
	if err := p.publish(t.Context(), into); err == nil || !strings.Contains(err.Error(), "give --sign") {
		t.Errorf("got %v", err)
	}
	p.sign, p.bestBefore = "sha256sum", "2031-01-01"
	if err := p.publish(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(into.path("BEST-BEFORE-2030-12-31")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the older date is still there: %v", err)
	}
}

// order is a directory that notes what is put there, and fails at one name.
type order struct {
	directory
	put_  *[]string
	fails string
}

func (o order) put(ctx context.Context, name, from string) error {
	*o.put_ = append(*o.put_, name)
	if name == o.fails {
		return errors.New("the disk is full")
	}
	return o.directory.put(ctx, name, from)
}

// A client that reads meanwhile sees one version or the other: the sums come last.
func TestSumsLast(t *testing.T) {
	var names []string
	into := order{directory: directory(t.TempDir()), put_: &names}
	if err := build(t, "1", "one").publish(t.Context(), into); err != nil {
		t.Fatal(err)
	}
	if names[len(names)-1] != sumsName {
		t.Errorf("order: %q", names)
	}
	into.fails = "hello_2_x86-64.raw"
	if err := build(t, "2", "two").publish(t.Context(), into); err == nil {
		t.Error("no error")
	}
	if text, err := os.ReadFile(into.path(sumsName)); err != nil || strings.Contains(string(text), "hello_2") {
		t.Errorf("%s, %v", text, err)
	}
	into.fails = ""
	if err := build(t, "2", "two").publish(t.Context(), into); err != nil {
		t.Error(err)
	}
}

// The same through rsync, between directories of this machine.
func TestRsync(t *testing.T) {
	if os.Getenv("RSYNC") == "" {
		t.Skip("run as rsync_test")
	}
	program, err := runfile.Program("RSYNC")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nexec '" + strings.Join(program.Words(), "' '") + "' \"$@\"\n"
	if err := os.WriteFile(filepath.Join(bin, "rsync"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+":"+os.Getenv("PATH"))
	to := filepath.Join(t.TempDir(), "deep/channel")
	for n := range 3 {
		if err := build(t, fmt.Sprint(n+1), "x").publish(t.Context(), rsync{to, t.TempDir()}); err != nil {
			t.Fatal(err)
		}
	}
	containsOnly(t, to, "hello_2_arm64.raw", "hello_2_x86-64.raw", "hello_3_arm64.raw", "hello_3_x86-64.raw")
	if err := build(t, "3", "y").publish(t.Context(), rsync{to, t.TempDir()}); err == nil || !strings.Contains(err.Error(), "other bytes") {
		t.Errorf("got %v", err)
	}
}

// The examples of the Version Format Specification, and systemd's own.
func TestCompareVersions(t *testing.T) {
	sorted := []string{"", "122.1", "123~rc1-1", "123", "123-a", "123-a.1", "123-3", "123^post1", "123.a", "123.1", "123a-1", "123z-1", "124", "1000"}
	for i, a := range sorted {
		for j, b := range sorted {
			got := compareVersions(a, b)
			if want := min(1, max(-1, i-j)); got != want {
				t.Errorf("%q against %q: %d, want %d", a, b, got, want)
			}
		}
	}
	for _, equal := range [][2]string{{"01", "1"}, {"1_2", "1+2"}} {
		if got := compareVersions(equal[0], equal[1]); got != 0 {
			t.Errorf("%q: %d", equal, got)
		}
	}
}

func TestParseSums(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	for text, want := range map[string]string{
		digest + " *a":    "",
		digest + "  a b":  "",
		digest + " a":     "not a line of sha256sum",
		"x":               "not a line of sha256sum",
		digest + " *../a": "in the same directory",
	} {
		_, err := parseSums([]byte(text + "\n"))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestParseDate(t *testing.T) {
	now := time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{"": "", "2030-12-31": "2030-12-31", "90d": "2027-02-24", "0d": "error", "31.12.2030": "error", "90": "error"} {
		got, err := parseDate(text, now)
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestIsRsync(t *testing.T) {
	for text, want := range map[string]bool{"/srv/www": false, "www": false, "host:/srv": true, "me@host:www": true, "rsync://host/www": true, "./a:b": false} {
		if got := isRsync(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
