package inventory

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// note is an ELF note with its padding.
func note(name string, kind uint32, content string) string {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(name)+1))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(content)))
	head = binary.LittleEndian.AppendUint32(head, kind)
	pad := func(s string) string { return s + strings.Repeat("\x00", (4-len(s)%4)%4) }
	return string(head) + pad(name+"\x00") + pad(content)
}

// elfFile is a 64-bit ELF file with one segment, of notes, and no sections, as of a stripped
// program.
func elfFile(notes string) string {
	const header, program = 64, 56
	order := binary.LittleEndian
	f := make([]byte, header+program)
	copy(f, "\x7fELF\x02\x01\x01")
	order.PutUint16(f[16:], 2)  // executable
	order.PutUint16(f[18:], 62) // x86-64
	order.PutUint32(f[20:], 1)
	order.PutUint64(f[32:], header)
	order.PutUint16(f[52:], header)
	order.PutUint16(f[54:], program)
	order.PutUint16(f[56:], 1)
	order.PutUint16(f[58:], 64)
	order.PutUint32(f[header:], 4) // PT_NOTE
	order.PutUint64(f[header+8:], header+program)
	order.PutUint64(f[header+32:], uint64(len(notes)))
	order.PutUint64(f[header+40:], uint64(len(notes)))
	order.PutUint64(f[header+48:], 4)
	return string(f) + notes
}

func TestNotes(t *testing.T) {
	const said = `{"type":"deb","os":"debian","name":"hello","version":"2.10-3+b1","architecture":"amd64"}`
	hello := Component{Name: "hello", Version: "2.10-3+b1", URL: "pkg:deb/debian/hello@2.10-3%2Bb1?arch=amd64"}
	for name, test := range map[string]struct {
		notes string
		want  Program
	}{
		"nothing":           {"", Program{}},
		"build id":          {note("GNU", buildID, "\x12\x34"), Program{BuildID: "1234"}},
		"package":           {note("GNU", 1, "ABI tag") + note("FDO", packageMetadata, said+"\x00"), Program{Components: []Component{hello}}},
		"both":              {note("FDO", packageMetadata, said) + note("GNU", buildID, "\x12"), Program{BuildID: "12", Components: []Component{hello}}},
		"name only":         {note("FDO", packageMetadata, `{"name":"hello"}`), Program{Components: []Component{{Name: "hello"}}}},
		"package, no JSON":  {note("FDO", packageMetadata, "hello"), Program{}},
		"package, no name":  {note("FDO", packageMetadata, "{}"), Program{}},
		"other maker":       {note("Go", buildID, "\x12"), Program{}},
		"cut short":         {note("GNU", buildID, "\x12\x34")[:14], Program{}},
		"endless":           {"\xff\xff\xff\xff\xff\xff\xff\xff\x03\x00\x00\x00", Program{}},
		"no content":        {note("GNU", buildID, ""), Program{}},
		"after a bad one":   {"\x04\x00\x00\x00\xff\xff\x00\x00\x03\x00\x00\x00" + note("GNU", buildID, "\x12"), Program{}},
		"unpadded last one": {strings.TrimRight(note("GNU", buildID, "\x12\x34\x56"), "\x00"), Program{BuildID: "123456"}},
	} {
		got, err := readProgram("/a", write(t, "a", elfFile(test.notes)), nil)
		test.want.Path, test.want.Static = "/a", true
		if err != nil || !reflect.DeepEqual(got, &test.want) {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, test.want)
		}
	}
}

// A file that only resembles a program is an ordinary file.
func TestNoProgram(t *testing.T) {
	for name, content := range map[string]string{"empty": "", "short": "\x7fE", "text": "#!/bin/sh\n", "head only": "\x7fELF", "garbage": "\x7fELF" + strings.Repeat("x", 100)} {
		if got, err := readProgram("/a", write(t, "a", content), nil); got != nil || err != nil {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	if _, err := readProgram("/a", filepath.Join(t.TempDir(), "none"), nil); !os.IsNotExist(err) {
		t.Errorf("got %v", err)
	}
}

func FuzzReadProgram(f *testing.F) {
	f.Add([]byte(elfFile(note("GNU", buildID, "\x12"))))
	f.Add([]byte(elfFile(note("FDO", packageMetadata, `{"name":"a"}`))))
	name := filepath.Join(f.TempDir(), "a")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(name, content, 0o644); err != nil {
			t.Fatal(err)
		}
		_, _ = readProgram("/a", name, nil)
	})
}
