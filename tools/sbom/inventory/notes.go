package inventory

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Notes of ELF files: the GNU build id, and the metadata of the package that a distribution
// built the file for (https://uapi-group.org/specifications/specs/package_metadata_for_executable_files/).
const (
	buildID         = 3
	packageMetadata = 0xcafe1a7e
)

// maxNotes bounds how much of a segment of notes is read. Real segments have some hundred bytes.
const maxNotes = 1 << 20

// readNotes adds the information in an ELF file's notes.
func (p *Program) readNotes(file *elf.File) error {
	for _, segment := range file.Progs {
		if segment.Type != elf.PT_NOTE {
			continue
		}
		notes, err := io.ReadAll(io.LimitReader(segment.Open(), maxNotes))
		if err != nil {
			return fmt.Errorf("read ELF notes: %w", err)
		}
		align := uint64(4)
		if segment.Align == 8 {
			align = 8
		}
		for len(notes) >= 12 {
			name, content, kind, rest := cutNote(notes, file.ByteOrder, align)
			notes = rest
			switch {
			case name == "GNU" && kind == buildID:
				p.BuildID = hex.EncodeToString(content)
			case name == "FDO" && kind == packageMetadata:
				p.readPackageNote(content)
			}
		}
	}
	return nil
}

// cutNote returns the first note, and what follows it; of one that is cut short, nothing.
func cutNote(notes []byte, order binary.ByteOrder, align uint64) (name string, content []byte, kind uint32, rest []byte) {
	pad := func(n uint64) uint64 { return (n + align - 1) &^ (align - 1) }
	nameSize, size := uint64(order.Uint32(notes)), uint64(order.Uint32(notes[4:]))
	kind = order.Uint32(notes[8:])
	start := pad(12 + nameSize)
	if end := start + size; end <= uint64(len(notes)) {
		name = strings.TrimRight(string(notes[12:12+nameSize]), "\x00")
		return name, notes[start:end], kind, notes[min(pad(end), uint64(len(notes))):]
	}
	return "", nil, 0, nil
}

// readPackageNote adds the package that a distribution built the file for. The note is its
// maker's word: what can't be read says nothing.
func (p *Program) readPackageNote(content []byte) {
	var note struct{ Type, OS, Name, Version, Architecture string }
	if json.Unmarshal(bytes.TrimRight(content, "\x00"), &note) != nil || note.Name == "" {
		return
	}
	c := Component{Name: note.Name, Version: note.Version}
	if note.Type != "" && note.OS != "" && note.Version != "" {
		c.URL = "pkg:" + escape(note.Type) + "/" + escape(note.OS) + "/" + escape(note.Name) + "@" + escape(note.Version)
		if note.Architecture != "" {
			c.URL += "?arch=" + escape(note.Architecture)
		}
	}
	p.Components = append(p.Components, c)
}
