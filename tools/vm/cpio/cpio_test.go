package cpio

import (
	"bytes"
	"strings"
	"testing"
)

func TestWriter(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	for _, err := range []error{
		w.Directory("etc"),
		w.Text("etc/hostname", 0o644, "guest\n"),
		w.Symlink("init", "sbin/init"),
		w.Write(Entry{Path: "null", Mode: CharacterDevice | 0o666, Major: 1, Minor: 3}),
		w.Close(),
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

func TestWriterFailures(t *testing.T) {
	for _, e := range []Entry{
		{Path: ""},
		{Path: "/etc"},
		{Path: "./etc"},
		{Path: "large", Size: 1 << 32},
		{Path: "short", Size: 2, Body: strings.NewReader("x")},
	} {
		if err := NewWriter(&bytes.Buffer{}).Write(e); err == nil {
			t.Errorf("%+v: no error", e)
		}
	}
}
