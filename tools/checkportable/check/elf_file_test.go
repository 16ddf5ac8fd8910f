package check

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"testing"
)

// An elfFile describes a program that is nothing but a head.
type elfFile struct {
	machine elf.Machine
	interp  string
	needed  []string
	rpath   string
	runpath string
	imports []string
	text    string
}

// bytes writes it as a linker would, so far as debug/elf looks: segments, a
// dynamic section and its strings.
func (f elfFile) bytes(t *testing.T) []byte {
	t.Helper()
	var strs bytes.Buffer
	strs.WriteByte(0)
	str := func(s string) uint64 {
		at := strs.Len()
		strs.WriteString(s + "\x00")
		return uint64(at)
	}
	var dynamic []elf.Dyn64
	for _, library := range f.needed {
		dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_NEEDED), Val: str(library)})
	}
	if f.rpath != "" {
		dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_RPATH), Val: str(f.rpath)})
	}
	if f.runpath != "" {
		dynamic = append(dynamic, elf.Dyn64{Tag: int64(elf.DT_RUNPATH), Val: str(f.runpath)})
	}
	for _, function := range f.imports {
		str(function)
	}
	dynamic = append(dynamic, elf.Dyn64{})

	const headerSize, progSize, sectionSize = 64, 56, 64
	interp := append([]byte(f.interp), 0)
	interpAt := uint64(headerSize + progSize)
	stringsAt := interpAt + uint64(len(interp))
	dynamicAt := stringsAt + uint64(strs.Len())
	dynamicSize := uint64(16 * len(dynamic))
	textAt := dynamicAt + dynamicSize
	sectionsAt := textAt + uint64(len(f.text))
	prog := elf.Prog64{Type: uint32(elf.PT_INTERP), Off: interpAt, Filesz: uint64(len(interp))}
	if f.interp == "" {
		prog.Type = uint32(elf.PT_NULL)
	}
	header := elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(f.machine), Version: uint32(elf.EV_CURRENT),
		Phoff: headerSize, Shoff: sectionsAt, Ehsize: headerSize,
		Phentsize: progSize, Phnum: 1, Shentsize: sectionSize, Shnum: 3, Shstrndx: 1,
	}
	sections := []elf.Section64{
		{},
		{Type: uint32(elf.SHT_STRTAB), Off: stringsAt, Size: uint64(strs.Len())},
		{Type: uint32(elf.SHT_DYNAMIC), Off: dynamicAt, Size: dynamicSize, Link: 1, Entsize: 16},
	}
	var out bytes.Buffer
	for _, part := range []any{header, prog, interp, strs.Bytes(), dynamic, []byte(f.text), sections} {
		if err := binary.Write(&out, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}
