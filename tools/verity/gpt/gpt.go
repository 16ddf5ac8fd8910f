// Package gpt reads and writes GUID partition tables: UEFI Specification 2.10, chapter 5.
//
// It writes only the given values, so that equal tables give equal bytes.
// Sectors have 512 bytes, as systemd expects of an image in a file.
package gpt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"slices"
	"unicode/utf16"
)

const (
	// SectorSize is the unit of a table's addresses, in bytes.
	SectorSize = 512

	// HeadSize is the size in bytes of the protective MBR and the primary table at the disk's
	// start, and TailSize the size of the backup table at its end.
	HeadSize = SectorSize + SectorSize + entriesSize
	TailSize = SectorSize + entriesSize

	headerSize  = 92
	entrySize   = 128
	entryCount  = 128 // the least that the specification reserves room for
	entriesSize = entrySize * entryCount

	revision = 0x00010000
)

// signature starts each of the two headers.
const signature = "EFI PART"

// ReadOnly is the attribute of partitions that are mounted read-only: Discoverable
// Partitions Specification, "Partition Flags".
const ReadOnly uint64 = 1 << 60

// ErrNoTable means that a file has no partition table.
var ErrNoTable = errors.New("no GUID partition table")

// A Partition is an entry of a table.
type Partition struct {
	Type, ID GUID
	// Label has at most 36 UTF-16 code units.
	Label string
	// Offset and Size are in bytes, multiples of SectorSize.
	Offset, Size int64
	// Attributes are flags such as ReadOnly.
	Attributes uint64
}

// A Table is the partition table of a disk.
type Table struct {
	Disk GUID
	// Size is the disk's, in bytes.
	Size int64
	// Partitions are in the order of their numbers: 1, 2, 3...
	Partitions []Partition
}

// Usable returns where partitions can be: from first up to end, in bytes.
func (t *Table) Usable() (first, end int64) { return HeadSize, t.Size - TailSize }

// check returns an error if partitions don't fit on the disk, or overlap.
func (t *Table) check() error {
	if t.Size%SectorSize != 0 || t.Size < HeadSize+TailSize {
		return fmt.Errorf("a disk of %d bytes has no room for a partition table", t.Size)
	}
	if len(t.Partitions) > entryCount {
		return fmt.Errorf("%d partitions, but the table has room for %d", len(t.Partitions), entryCount)
	}
	sorted := slices.SortedFunc(slices.Values(t.Partitions), func(a, b Partition) int { return int(max(-1, min(1, a.Offset-b.Offset))) })
	free, last := t.Usable()
	for _, p := range sorted {
		switch {
		case p.Offset%SectorSize != 0 || p.Size%SectorSize != 0 || p.Size <= 0:
			return fmt.Errorf("partition %q: offset %d and size %d are not whole sectors", p.Label, p.Offset, p.Size)
		case p.Offset < free:
			return fmt.Errorf("partition %q: starts at byte %d, but the disk is used up to byte %d", p.Label, p.Offset, free)
		case p.Size > last-p.Offset:
			return fmt.Errorf("partition %q: ends behind byte %d, the last that partitions can have", p.Label, last)
		}
		free = p.Offset + p.Size
	}
	return nil
}

// Write writes the protective MBR, the primary and the backup table. It leaves the
// partitions alone.
func (t *Table) Write(w io.WriterAt) error {
	if err := t.check(); err != nil {
		return err
	}
	entries, err := t.entries()
	if err != nil {
		return err
	}
	last := t.Size/SectorSize - 1
	for _, part := range []struct {
		sector  int64
		content []byte
	}{
		{0, protectiveMBR(last)},
		{1, t.header(1, last, 2, entries)},
		{2, entries},
		{last - entriesSize/SectorSize, entries},
		{last, t.header(last, 1, last-entriesSize/SectorSize, entries)},
	} {
		if _, err := w.WriteAt(part.content, part.sector*SectorSize); err != nil {
			return err
		}
	}
	return nil
}

// protectiveMBR tells old programs that the whole disk is used (section 5.2.3).
func protectiveMBR(lastSector int64) []byte {
	mbr := make([]byte, SectorSize)
	entry := mbr[446:]
	// Cylinder, head and sector: 0, 0, 2, and the largest there are.
	copy(entry, []byte{0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff})
	binary.LittleEndian.PutUint32(entry[8:], 1)
	binary.LittleEndian.PutUint32(entry[12:], uint32(min(lastSector, math.MaxUint32)))
	mbr[510], mbr[511] = 0x55, 0xaa
	return mbr
}

// header is the one at a sector, with the other at another (section 5.3.2).
func (t *Table) header(at, other, entriesAt int64, entries []byte) []byte {
	first, end := t.Usable()
	h := make([]byte, SectorSize)
	copy(h, signature)
	le := binary.LittleEndian
	le.PutUint32(h[8:], revision)
	le.PutUint32(h[12:], headerSize)
	le.PutUint64(h[24:], uint64(at))
	le.PutUint64(h[32:], uint64(other))
	le.PutUint64(h[40:], uint64(first/SectorSize))
	le.PutUint64(h[48:], uint64(end/SectorSize-1))
	disk := t.Disk.swapped()
	copy(h[56:], disk[:])
	le.PutUint64(h[72:], uint64(entriesAt))
	le.PutUint32(h[80:], entryCount)
	le.PutUint32(h[84:], entrySize)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:headerSize]))
	return h
}

// entries are the partitions (section 5.3.3).
func (t *Table) entries() ([]byte, error) {
	all := make([]byte, entriesSize)
	for i, p := range t.Partitions {
		e := all[i*entrySize : (i+1)*entrySize]
		kind, id := p.Type.swapped(), p.ID.swapped()
		copy(e, kind[:])
		copy(e[16:], id[:])
		binary.LittleEndian.PutUint64(e[32:], uint64(p.Offset/SectorSize))
		binary.LittleEndian.PutUint64(e[40:], uint64((p.Offset+p.Size)/SectorSize-1))
		binary.LittleEndian.PutUint64(e[48:], p.Attributes)
		label := utf16.Encode([]rune(p.Label))
		if 2*len(label) > len(e[56:]) {
			return nil, fmt.Errorf("partition %q: the label has more than 36 characters", p.Label)
		}
		for j, unit := range label {
			binary.LittleEndian.PutUint16(e[56+2*j:], unit)
		}
	}
	return all, nil
}

// Read reads the table of a disk of size bytes. Primary and backup table must be intact and
// equal. The error wraps ErrNoTable if there is neither.
func Read(r io.ReaderAt, size int64) (*Table, error) {
	if size < HeadSize+TailSize || size%SectorSize != 0 {
		return nil, ErrNoTable
	}
	last := size/SectorSize - 1
	primary, err := readHeader(r, 1, last, 2)
	if err != nil {
		return nil, fmt.Errorf("primary partition table: %w", err)
	}
	backup, err := readHeader(r, last, 1, last-entriesSize/SectorSize)
	if err != nil {
		return nil, fmt.Errorf("backup partition table: %w", err)
	}
	if primary.disk != backup.disk || !bytes.Equal(primary.entries, backup.entries) {
		return nil, errors.New("primary and backup partition table differ")
	}
	t := &Table{Disk: primary.disk, Size: size}
	for e := range slices.Chunk(primary.entries, entrySize) {
		p, used, err := parseEntry(e)
		if err != nil {
			return nil, err
		}
		if used {
			t.Partitions = append(t.Partitions, p)
		}
	}
	return t, t.check()
}

type half struct {
	disk    GUID
	entries []byte
}

func readHeader(r io.ReaderAt, at, other, entriesAt int64) (half, error) {
	h := make([]byte, SectorSize)
	if _, err := r.ReadAt(h, at*SectorSize); err != nil {
		return half{}, err
	}
	if string(h[:8]) != signature {
		return half{}, ErrNoTable
	}
	le := binary.LittleEndian
	sum := le.Uint32(h[16:])
	clear(h[16:20])
	switch {
	case le.Uint32(h[12:]) != headerSize || crc32.ChecksumIEEE(h[:headerSize]) != sum:
		return half{}, errors.New("damaged: its header's checksum is wrong")
	case le.Uint32(h[8:]) != revision:
		return half{}, fmt.Errorf("of revision %#x, which is unknown", le.Uint32(h[8:]))
	case le.Uint64(h[24:]) != uint64(at) || le.Uint64(h[32:]) != uint64(other):
		return half{}, errors.New("of a disk of another size: was the image cut off, or something appended?")
	case le.Uint64(h[72:]) != uint64(entriesAt) || le.Uint32(h[80:]) != entryCount || le.Uint32(h[84:]) != entrySize:
		return half{}, fmt.Errorf("its entries are not %d of %d bytes at the usual place", entryCount, entrySize)
	}
	entries := make([]byte, entriesSize)
	if _, err := r.ReadAt(entries, entriesAt*SectorSize); err != nil {
		return half{}, err
	}
	if crc32.ChecksumIEEE(entries) != le.Uint32(h[88:]) {
		return half{}, errors.New("damaged: its entries' checksum is wrong")
	}
	return half{GUID(h[56:72]).swapped(), entries}, nil
}

func parseEntry(e []byte) (p Partition, used bool, err error) {
	p.Type, p.ID = GUID(e[:16]).swapped(), GUID(e[16:32]).swapped()
	if p.Type == (GUID{}) {
		return p, false, nil
	}
	var label []uint16
	for unit := range slices.Chunk(e[56:], 2) {
		if u := binary.LittleEndian.Uint16(unit); u != 0 {
			label = append(label, u)
			continue
		}
		break
	}
	p.Label = string(utf16.Decode(label))
	first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
	if last < first || last >= math.MaxInt64/SectorSize {
		return p, false, fmt.Errorf("partition %q: from sector %d to %d", p.Label, first, last)
	}
	p.Offset, p.Size = int64(first)*SectorSize, int64(last-first+1)*SectorSize
	p.Attributes = binary.LittleEndian.Uint64(e[48:])
	return p, true, nil
}
