package main

import (
	"bytes"
	"strings"
	"testing"
)

// A test finds the directories that a Debian machine has, and that no package contains.
func TestDirectoriesOfMaintainerScripts(t *testing.T) {
	var archive bytes.Buffer
	r := root{out: newCPIOWriter(&archive), seen: map[string]bool{}, texts: map[string]string{
		"usr/share/base-passwd/passwd.master": "root::0:0:root:/root:/bin/bash\n",
		"usr/share/base-passwd/group.master":  "root::0:\n",
	}}
	if err := r.finish(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"mnt", "opt", "srv"} {
		// The length of the name, no checksum, and the name.
		if !strings.Contains(archive.String(), "0000000400000000"+name+"\x00") {
			t.Errorf("there is no /%s", name)
		}
	}
}
