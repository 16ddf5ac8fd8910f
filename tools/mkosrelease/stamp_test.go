package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestStamp(t *testing.T) {
	dir := t.TempDir()
	stable, volatile := filepath.Join(dir, "stable-status.txt"), filepath.Join(dir, "volatile-status.txt")
	for name, text := range map[string]string{stable: "STABLE_VCS_REF abc 1\nBUILD_EMBED_LABEL \n", volatile: "BUILD_TIMESTAMP 12\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fields := map[string]string{"BUILD_ID": "old", "ID": "hello"}
	err := stamp(fields, map[string]string{"BUILD_ID": "STABLE_VCS_REF", "TIME": "BUILD_TIMESTAMP"}, []string{stable, volatile})
	if err != nil || fields["BUILD_ID"] != "abc 1" || fields["TIME"] != "12" || fields["ID"] != "hello" {
		t.Errorf("got %v, %v", fields, err)
	}
	for key, want := range map[string]string{
		"STABLE_MISSING":    "no STABLE_MISSING for BUILD_ID",
		"BUILD_EMBED_LABEL": "--embed_label",
	} {
		err := stamp(fields, map[string]string{"BUILD_ID": key}, []string{stable, volatile})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "without --stamp") {
			t.Errorf("%s: got %v, want an error that says %q", key, err, want)
		}
	}
	if err := stamp(fields, nil, []string{"/nonexistent"}); err != nil {
		t.Errorf("nothing to stamp: %v", err)
	}
}
