package check

import (
	"bytes"
	"debug/elf"
	"errors"
	"io"
	"os"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
)

// A program is the information in the first bytes of a program.
type program struct {
	entry *spec.Entry
	// elf is nil if the file is not an ELF file.
	elf *elfHead
	// interpreter is the program that a script starts with, arguments are the words after it, and
	// windows is true if the line ends with a carriage return.
	interpreter string
	arguments   []string
	windows     bool
	// texts caches whether the program contains a text.
	texts map[string]bool
}

// holds searches the whole program for a text, once for all units that run it.
func (b *program) holds(text string) bool {
	found, ok := b.texts[text]
	if !ok {
		found = holds(b.entry, text)
		b.texts[text] = found
	}
	return found
}

// loader returns the path of the program's dynamic loader, or "".
func (b *program) loader() string {
	if b.elf == nil {
		return ""
	}
	return b.elf.interp
}

type elfHead struct {
	architecture
	interp string
	needed []string
	// rpaths and runpaths are directories of DT_RPATH and DT_RUNPATH (ld.so(8)).
	rpaths, runpaths []string
}

// head reads the first bytes of a program, once.
func (img *Image) head(e *spec.Entry) *program {
	if b := img.heads[e.Path]; b != nil {
		return b
	}
	b := &program{entry: e, texts: map[string]bool{}}
	img.heads[e.Path] = b
	if e.Source == "" {
		return b
	}
	file, err := os.Open(e.Source)
	if err != nil {
		return b
	}
	defer file.Close()
	start := make([]byte, 256) // Linux reads no more of a script's first line
	n, err := io.ReadFull(file, start)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return b
	}
	start = start[:n]
	if line, ok := bytes.CutPrefix(start, []byte("#!")); ok {
		line, _, _ = bytes.Cut(line, []byte("\n"))
		line, b.windows = bytes.CutSuffix(line, []byte("\r"))
		if fields := strings.Fields(string(line)); len(fields) > 0 {
			b.interpreter, b.arguments = fields[0], fields[1:]
		}
		return b
	}
	b.elf = readELF(file)
	return b
}

// readELF returns nil if the file is not an ELF file.
func readELF(file io.ReaderAt) *elfHead {
	f, err := elf.NewFile(file)
	if err != nil {
		return nil
	}
	head := &elfHead{architecture: architecture{f.Machine, f.Class, f.Data}}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP && p.Filesz < 4096 {
			path, err := io.ReadAll(p.Open())
			if err == nil {
				head.interp = string(bytes.TrimRight(path, "\x00"))
			}
		}
	}
	head.needed, _ = f.ImportedLibraries()
	for tag, all := range map[elf.DynTag]*[]string{elf.DT_RPATH: &head.rpaths, elf.DT_RUNPATH: &head.runpaths} {
		paths, _ := f.DynString(tag)
		for _, path := range paths {
			*all = append(*all, strings.Split(path, ":")...)
		}
	}
	return head
}

// holds reports whether a file contains a text. A program can be large, so it is read in parts that
// overlap.
func holds(e *spec.Entry, text string) bool {
	if e.Source == "" {
		return false
	}
	file, err := os.Open(e.Source)
	if err != nil {
		return false
	}
	defer file.Close()
	part, kept := make([]byte, len(text)+holdsPart), 0
	for {
		n, err := file.Read(part[kept:])
		read := part[:kept+n]
		if bytes.Contains(read, []byte(text)) {
			return true
		}
		if err != nil {
			return false
		}
		kept = copy(part, read[max(0, len(read)-len(text)+1):])
	}
}

// holdsPart is the size of such a part in bytes.
const holdsPart = 1 << 16
