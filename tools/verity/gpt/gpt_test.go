package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"
)

// disk is one in memory.
type disk []byte

func (d disk) WriteAt(p []byte, offset int64) (int, error) { return copy(d[offset:], p), nil }
func (d disk) ReadAt(p []byte, offset int64) (int, error) {
	return bytes.NewReader(d).ReadAt(p, offset)
}

const (
	diskSize = 128 << 10
	text     = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709"
)

func parsed(t *testing.T, text string) GUID {
	t.Helper()
	g, err := ParseGUID(text)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func table(t *testing.T) *Table {
	return &Table{
		Disk: parsed(t, "00112233-4455-6677-8899-aabbccddeeff"), Size: diskSize,
		Partitions: []Partition{
			{Type: parsed(t, text), ID: GUID{1}, Label: "root", Offset: 20480, Size: 40960, Attributes: ReadOnly},
			{Type: GUID{2}, ID: GUID{3}, Label: "größer", Offset: 61440, Size: 512},
		},
	}
}

func written(t *testing.T) disk {
	t.Helper()
	d := make(disk, diskSize)
	if err := table(t).Write(d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	got, err := Read(written(t), diskSize)
	if err != nil || !reflect.DeepEqual(got, table(t)) {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Fields at their places, as the specification has them, and as no reader of ours would
// notice if both sides were wrong.
func TestPlaces(t *testing.T) {
	d := written(t)
	last := diskSize - SectorSize
	for _, want := range []struct {
		name string
		at   int
		is   []byte
	}{
		{"MBR: partition type", 450, []byte{0xee}},
		{"MBR: first sector", 454, []byte{1, 0, 0, 0}},
		{"MBR: sectors", 458, []byte{255, 0, 0, 0}},
		{"MBR: signature", 510, []byte{0x55, 0xaa}},
		{"signature", 512, []byte("EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")},
		{"first usable sector", 512 + 40, []byte{34}},
		{"last usable sector", 512 + 48, []byte{255 - 33}},
		{"disk GUID, mixed-endian", 512 + 56, []byte{0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb}},
		{"partition type, mixed-endian", 1024, []byte{0xe3, 0xbc, 0x68, 0x4f, 0xcd, 0xe8, 0xb1, 0x4d, 0x96, 0xe7}},
		{"first sector", 1024 + 32, []byte{40, 0}},
		{"last sector", 1024 + 40, []byte{119, 0}},
		{"bit 60", 1024 + 48, []byte{0, 0, 0, 0, 0, 0, 0, 0x10}},
		{"label", 1024 + 56, []byte("r\x00o\x00o\x00t\x00\x00\x00")},
		{"backup: its place", last + 24, []byte{255, 0}},
		{"backup: the other's place", last + 32, []byte{1, 0}},
		{"backup: entries", last + 72, []byte{223, 0}},
	} {
		if got := d[want.at : want.at+len(want.is)]; !bytes.Equal(got, want.is) {
			t.Errorf("%s: %x, want %x", want.name, got, want.is)
		}
	}
	if !bytes.Equal(d[1024:1024+entriesSize], d[last-entriesSize:last]) {
		t.Error("the backup's entries differ")
	}
}

// renewed corrects the checksums, as an attacker would after changing a table.
func renewed(d disk) {
	for _, h := range []disk{d[512:1024], d[diskSize-512:]} {
		entries := binary.LittleEndian.Uint64(h[72:]) * 512
		binary.LittleEndian.PutUint32(h[88:], crc32.ChecksumIEEE(d[entries:entries+entriesSize]))
		clear(h[16:20])
		binary.LittleEndian.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
	}
}

func TestDamageIsSeen(t *testing.T) {
	const backup = diskSize - SectorSize
	both := func(d disk, at int, b byte) {
		d[1024+at] ^= b
		d[backup-entriesSize+at] ^= b
		renewed(d)
	}
	for name, test := range map[string]struct {
		change func(d disk)
		want   string
	}{
		"no table":              {func(d disk) { clear(d) }, "primary partition table: no GUID partition table"},
		"primary header":        {func(d disk) { d[512+60] ^= 1 }, "primary partition table: damaged: its header"},
		"primary entries":       {func(d disk) { d[1024] ^= 1 }, "primary partition table: damaged: its entries"},
		"no backup":             {func(d disk) { clear(d[backup:]) }, "backup partition table: no GUID"},
		"backup header":         {func(d disk) { d[backup+60] ^= 1 }, "backup partition table: damaged: its header"},
		"backup entries":        {func(d disk) { d[backup-1] ^= 1 }, "backup partition table: damaged: its entries"},
		"they differ":           {func(d disk) { d[1024+60] ^= 1; renewed(d) }, "differ"},
		"overlap":               {func(d disk) { both(d, entrySize+32, 0x78^0x77) }, "the disk is used up to byte 61440"},
		"behind the end":        {func(d disk) { both(d, entrySize+41, 0xff) }, "ends behind byte"},
		"ends before its start": {func(d disk) { both(d, 33, 0xff) }, "from sector"},
		"revision":              {func(d disk) { d[512+10] ^= 2; d[backup+10] ^= 2; renewed(d) }, "revision"},
		"larger entries":        {func(d disk) { d[512+84] = 0; d[512+85] = 1; renewed(d) }, "entries are not"},
		"huge number":           {func(d disk) { both(d, 47, 0xff) }, "from sector"},
	} {
		t.Run(name, func(t *testing.T) {
			d := written(t)
			test.change(d)
			_, err := Read(d, diskSize)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	d := written(t)
	if _, err := Read(d, diskSize-4096); err == nil || !strings.Contains(err.Error(), "of a disk of another size") {
		t.Errorf("cut off: %v", err)
	}
	if _, err := Read(d, 512); !errors.Is(err, ErrNoTable) {
		t.Errorf("tiny: %v", err)
	}
}

func TestRefused(t *testing.T) {
	for want, change := range map[string]func(*Table){
		"the disk is used":        func(t *Table) { t.Partitions[0].Offset = 512 },
		"ends behind":             func(t *Table) { t.Partitions[1].Size = diskSize },
		"not whole sectors":       func(t *Table) { t.Partitions[0].Size = 100 },
		"has no room":             func(t *Table) { t.Size = 4096 },
		"more than 36 characters": func(t *Table) { t.Partitions[0].Label = strings.Repeat("x", 37) },
		"the table has room for":  func(t *Table) { t.Partitions = make([]Partition, 129) },
	} {
		tab := table(t)
		change(tab)
		if err := tab.Write(make(disk, diskSize)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestGUID(t *testing.T) {
	if got := parsed(t, strings.ToUpper(text)).String(); got != text {
		t.Errorf("got %s", got)
	}
	for _, bad := range []string{"", "4f68bce3", text + "00", strings.ReplaceAll(text, "-", ""), strings.Replace(text, "4", "x", 1)} {
		if _, err := ParseGUID(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}
