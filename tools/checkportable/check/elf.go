package check

import (
	"debug/elf"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
)

var elfChecks = []Check{
	{
		ID: "elf-machine", Severity: Error, Host: StartFails,
		Finds: "a program or library is for another machine than the image",
		Why:   "The service fails to start with status=203/EXEC, or 127 for a library.",
		Fix:   "Build it for the platform of the image. Bazel does that for a label, but not for a checked-in file.",
		run: func(img *Image, r *reporter) {
			want, known := architectures[img.Header.Architecture]
			for _, e := range slices.Concat(img.programs, img.libraries) {
				if b := img.head(e); b.elf != nil && known && b.elf.architecture != want {
					r.add(in(e), "%s is for %s, but the image is for %s", e.Path, b.elf.architecture, img.Header.Architecture)
				}
			}
		},
	},
	{
		ID: "elf-interpreter", Severity: Error, Host: StartFails,
		Finds: "a program's dynamic loader is not in the image",
		Why:   "The service fails to start with status=203/EXEC: it can't reach the host's loader.",
		Fix:   "Build it static (for Go: pure = \"on\", static = \"on\"), or pack the loader and all libraries.",
		run: func(img *Image, r *reporter) {
			for _, e := range img.programs {
				b := img.head(e)
				if b.elf == nil || b.elf.interp == "" {
					continue
				}
				f := in(e)
				switch loader := img.find(b.elf.interp); {
				case loader == nil:
					r.add(f, "%s needs the loader %s, which is not in the image", e.Path, b.elf.interp)
				case loader.Type == spec.Directory || !isExecutable(loader):
					f.Fix = "Give it mode 0755 with the attribute modes."
					r.add(f, "%s needs the loader %s, which is not executable", e.Path, b.elf.interp)
				}
			}
		},
	},
	{
		ID: "elf-library", Severity: Error, Host: StartFails,
		Finds: "a library that a program needs is not in the image",
		Why:   "The service fails to start with status=127: its loader can't find the library.",
		Fix:   "Build the program static, or pack the library, built for the program's machine.",
		run: func(img *Image, r *reporter) {
			for _, m := range img.missingLibraries() {
				f := in(m.by)
				switch {
				case m.other != nil:
					r.add(f, "%s needs the library %s for %s, but %s is for %s", m.by.Path, m.library,
						img.head(m.by).elf.architecture, m.other.Path, img.head(m.other).elf.architecture)
				case m.elsewhere != nil:
					directory := path.Dir(m.elsewhere.Path)
					f.Fix = "Add Environment=LD_LIBRARY_PATH=" + directory + " to the services that run it; or pack the library in /usr/lib."
					r.add(f, "%s needs the library %s, but its loader does not look in %s", m.by.Path, m.library, directory)
				default:
					r.add(f, "%s needs the library %s, which is not in the image", m.by.Path, m.library)
				}
			}
		},
	},
	{
		ID: "exec-format", Severity: Error, Host: StartFails,
		Finds: "a command is neither an ELF program nor a script",
		Why:   "The service fails to start with status=203/EXEC.",
		Fix:   "Name a program, or begin the script with #! and its interpreter.",
		run: func(img *Image, r *reporter) {
			img.eachCommand(func(c command) {
				e := img.find(c.path)
				if e == nil || e.Type != spec.File || !isExecutable(e) || c.unit.fromHost(c.path) {
					return
				}
				if b := img.head(e); b.elf == nil && b.interpreter == "" {
					r.add(at(c.Assignment), "%s is neither an ELF file nor a script with #!", c.path)
				}
			})
		},
	},
}

// An architecture is a CPU architecture as ELF headers identify it.
type architecture struct {
	machine elf.Machine
	class   elf.Class
	data    elf.Data
}

// architectures maps systemd's names to architectures (systemd.unit(5), ConditionArchitecture=).
var architectures = map[string]architecture{
	"arm":         {elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"arm-be":      {elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2MSB},
	"arm64":       {elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"arm64-be":    {elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2MSB},
	"loongarch64": {elf.EM_LOONGARCH, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"mips":        {elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2MSB},
	"mips-le":     {elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"mips64":      {elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2MSB},
	"mips64-le":   {elf.EM_MIPS, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"ppc":         {elf.EM_PPC, elf.ELFCLASS32, elf.ELFDATA2MSB},
	"ppc64":       {elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2MSB},
	"ppc64-le":    {elf.EM_PPC64, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"riscv32":     {elf.EM_RISCV, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"riscv64":     {elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB},
	"s390x":       {elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB},
	"x86":         {elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB},
	"x86-64":      {elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB},
}

func (a architecture) String() string {
	for name, known := range architectures {
		if known == a {
			return name
		}
	}
	return strings.TrimPrefix(a.machine.String(), "EM_")
}
