package inventory

import (
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

// A Program is an ELF file of the image: a program or a library.
type Program struct {
	Path string `json:"path"`
	// Components are those linked into it. If Known is false, there may be more.
	Components []Component `json:"components,omitempty"`
	// Known is whether the list is complete as far as the program itself knows.
	Known bool `json:"known"`
	// GoVersion is the version of the Go toolchain, such as "go1.26.7"; empty if the program is
	// not written in Go.
	GoVersion string `json:"go,omitempty"`
	// Settings are those of the Go build, such as GOARCH.
	Settings []debug.BuildSetting `json:"settings,omitempty"`
	// BuildID is the GNU build id in hexadecimal, or empty.
	BuildID string `json:"build_id,omitempty"`
	// Static is whether the program needs no dynamic loader.
	Static   bool      `json:"static"`
	Findings []Finding `json:"findings,omitempty"`
}

// A Finding is where two sources of an inventory differ, so that one of them is incomplete.
type Finding struct {
	// ID never changes: module-unknown or module-not-linked.
	ID string `json:"id"`
	// Text describes the difference and the fix.
	Text string `json:"text"`
}

// readProgram describes the program in the named file, which has the given path in the image.
// It returns nil if the file is not a program.
func readProgram(path, source string, built *target) (*Program, error) {
	file, err := os.Open(source)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(file, magic); err != nil || string(magic) != elf.ELFMAG {
		return nil, ignoreShort(err)
	}
	binary, err := elf.NewFile(file)
	if err != nil {
		// Test data, or the head of a program: it is a file like any other.
		return nil, nil
	}
	p := &Program{Path: path, Static: !slices.ContainsFunc(binary.Progs, func(s *elf.Prog) bool { return s.Type == elf.PT_INTERP })}
	if err := p.readNotes(binary); err != nil {
		return nil, err
	}
	if info, err := buildinfo.Read(file); err == nil {
		if err := p.readGo(info, built); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(p.Components, Component.compare)
	p.Components = slices.Compact(p.Components)
	return p, nil
}

func ignoreShort(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// goLicense is the license of the Go distribution.
const goLicense = "BSD-3-Clause"

// readGo adds the build information of a Go program.
func (p *Program) readGo(info *debug.BuildInfo, built *target) error {
	p.Known, p.Settings = true, info.Settings
	// Experiments follow, as in "go1.26.7 X:nodwarf5".
	p.GoVersion, _, _ = strings.Cut(info.GoVersion, " ")
	version := strings.TrimPrefix(p.GoVersion, "go")
	p.Components = append(p.Components,
		Component{Name: "stdlib", Version: version, URL: goURL("stdlib", version), License: goLicense},
		Component{Name: "toolchain", Version: version, URL: goURL("toolchain", version), License: goLicense, Tool: true})
	if info.Main.Path != "" {
		p.Components = append(p.Components, goModule(&info.Main))
	}
	for _, m := range info.Deps {
		p.Components = append(p.Components, goModule(m))
	}
	if built == nil {
		return nil
	}
	return p.compare(info, built)
}

// goModule is the component of a module that a program names.
func goModule(m *debug.Module) Component {
	c := Component{Name: m.Path, Version: known(m.Version), Sum: m.Sum}
	if r := m.Replace; r != nil {
		c.Replaces = m.Path + " " + m.Version
		// A replacement without a version is a directory, whose contents are not that version.
		c.Version, c.Sum = known(r.Version), r.Sum
		if r.Version != "" {
			c.Name = r.Path
		}
	}
	c.URL = goURL(c.Name, c.Version)
	return c
}

// known returns a module's version, or "" if Go calls it (devel).
func known(version string) string {
	if version == "(devel)" {
		return ""
	}
	return version
}

// compare verifies that a program has the modules of the packages that its target depends on.
func (p *Program) compare(info *debug.BuildInfo, built *target) error {
	linked := map[string]*debug.Module{key(info.Main.Path, info.Main.Version): &info.Main}
	for _, m := range info.Deps {
		linked[key(m.Path, m.Version)] = m
	}
	own := repository(built.label)
	declared, unknown := map[string]bool{}, map[string]bool{}
	for _, pkg := range built.packages {
		if pkg.url == "" {
			// The program's own repository is the main module, whatever that is called.
			if repo := repository(pkg.label); repo != own {
				p.unknown(pkg, unknown[repo])
				unknown[repo] = true
			}
			continue
		}
		c, err := component(pkg.url)
		if err != nil {
			return fmt.Errorf("%s: %w", pkg.label, err)
		}
		if !strings.HasPrefix(c.URL, "pkg:golang/") {
			p.Components = append(p.Components, c)
			continue
		}
		id := key(c.Name, c.Version)
		if declared[id] {
			continue
		}
		declared[id] = true
		switch m := linked[id]; {
		case m == nil:
			p.find("module-not-linked", "%s belongs to the module %s %s, but the program contains nothing of it; remove the dependency if no platform needs it", pkg.label, c.Name, c.Version)
		case c.Sum != "" && m.Sum != "" && c.Sum != m.Sum:
			return fmt.Errorf("the program has the module %s %s with the sum %s, and %s with %s; build the program again from these sources", c.Name, c.Version, m.Sum, pkg.label, c.Sum)
		}
	}
	for _, m := range info.Deps {
		if !declared[key(m.Path, m.Version)] {
			return fmt.Errorf("the program has the module %s %s, and none of %s's packages belongs to it; build the program again from these sources", m.Path, m.Version, built.label)
		}
	}
	return nil
}

// key identifies a module. rules_go adds the "v" that some package URLs lack.
func key(path, version string) string {
	return path + "@" + strings.TrimPrefix(known(version), "v")
}

// repository is the part of a label before its package.
func repository(label string) string {
	name, _, _ := strings.Cut(label, "//")
	return name
}

// unknown adds a package of a repository that does not name its module. There is one finding
// for each repository.
func (p *Program) unknown(pkg goPackage, reported bool) {
	p.Known = false
	p.Components = append(p.Components, Component{Name: pkg.path})
	if !reported {
		p.find("module-unknown", "%s is linked as the package %s, and its repository has no package_metadata: its module and version are not known, and scanners do not see it; fetch it with gazelle's go_deps or go_repository, or declare package_metadata there", pkg.label, pkg.path)
	}
}

func (p *Program) find(id, format string, values ...any) {
	p.Findings = append(p.Findings, Finding{ID: id, Text: fmt.Sprintf(format, values...)})
}
