package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestCPIO(t *testing.T) {
	var b bytes.Buffer
	w := newCPIOWriter(&b)
	for _, err := range []error{
		w.directory("etc"),
		w.text("etc/hostname", 0o644, "guest\n"),
		w.symlink("init", "sbin/init"),
		w.entry(cpioEntry{path: "null", mode: typeCharacterDevice | 0o666, major: 1, minor: 3}),
		w.end(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if b.Len()%512 != 0 {
		t.Errorf("an archive of %d bytes can't be followed by another", b.Len())
	}
	const zero, one = "00000000", "00000001"
	want := "070701" + one + "000041ed" + zero + zero + one + zero + zero + zero + zero + zero + zero + "00000004" + zero + "etc\x00" + "\x00\x00" +
		"070701" + "00000002" + "000081a4" + zero + zero + one + zero + "00000006" + zero + zero + zero + zero + "0000000d" + zero + "etc/hostname\x00" + "\x00" + "guest\n\x00\x00"
	if got := b.String(); !strings.HasPrefix(got, want) {
		t.Errorf("got  %q\nwant %q", got[:min(len(got), len(want))], want)
	}
}

func TestCPIORefusals(t *testing.T) {
	for _, e := range []cpioEntry{
		{path: ""},
		{path: "/etc"},
		{path: "./etc"},
		{path: "large", size: 1 << 32},
		{path: "short", size: 2, body: strings.NewReader("x")},
	} {
		if err := newCPIOWriter(&bytes.Buffer{}).entry(e); err == nil {
			t.Errorf("%+v: no error", e)
		}
	}
}
