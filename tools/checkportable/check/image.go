package check

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/osrelease"
	"example.org/portable-walkthrough-go/tools/spec"
)

// Image is a portable service image for the checks.
type Image struct {
	Header  spec.Header
	Options Options
	// Units are the unit files in the unit directory, sorted by name.
	Units []*Unit
	// DropIns are the files NAME.d/*.conf in that directory.
	DropIns []*Unit
	// OSRelease is nil if the image has none.
	OSRelease *OSRelease
	// programs are the executable files that are meant to be run, see keepPrograms.
	programs []*spec.Entry
	// libraries are shared libraries by name.
	libraries []*spec.Entry
	spec      *spec.Spec
	heads     map[string]*program
}

// OSRelease is the os-release file.
type OSRelease struct {
	osrelease.File
	Entry *spec.Entry
}

// Open reads the image that the spec in the named file declares.
func Open(name string, options Options) (*Image, error) {
	s, err := spec.Read(name)
	if err != nil {
		return nil, err
	}
	img := &Image{Header: s.Header, Options: options, spec: s, heads: map[string]*program{}}
	if err := img.read(); err != nil {
		return nil, s.Blame(err)
	}
	return img, nil
}

func (img *Image) read() error {
	for _, e := range img.spec.Entries {
		switch dir, base := path.Split(e.Path); {
		case e.Type == spec.Directory:
		case img.Header.IsUnitFile(e.Path):
			unit, err := img.readUnit(e)
			if err != nil {
				return err
			}
			img.Units = append(img.Units, unit)
		case path.Dir(path.Clean(dir)) == img.Header.UnitDir && strings.HasSuffix(path.Clean(dir), ".d") && path.Ext(base) == ".conf":
			dropIn, err := img.readUnit(e)
			if err != nil {
				return err
			}
			dropIn.Name = strings.TrimSuffix(path.Base(path.Clean(dir)), ".d")
			img.DropIns = append(img.DropIns, dropIn)
		case e.Type == spec.File && isExecutable(e):
			img.programs = append(img.programs, e)
		case e.Type == spec.File && (path.Ext(base) == ".so" || strings.Contains(base, ".so.")):
			img.libraries = append(img.libraries, e)
		}
	}
	img.libraries = slices.DeleteFunc(img.libraries, img.isRunfile)
	img.keepPrograms()
	for _, name := range spec.OSReleasePaths {
		e := img.find(name)
		if e == nil || e.Type != spec.File {
			continue
		}
		content, err := content(e)
		if err != nil {
			return err
		}
		img.OSRelease = &OSRelease{File: osrelease.Parse(content), Entry: e}
		break
	}
	return nil
}

// keepPrograms removes programs' runfiles from the programs, because Bazel marks all of them as
// executable, even data. It keeps those that a unit runs, and the interpreters of scripts.
func (img *Image) keepPrograms() {
	kept := map[string]bool{}
	img.programs = slices.DeleteFunc(img.programs, func(e *spec.Entry) bool {
		kept[e.Path] = !img.isRunfile(e)
		return !kept[e.Path]
	})
	var keep func(name string)
	keep = func(name string) {
		e := img.find(name)
		if e == nil || e.Type != spec.File || !isExecutable(e) || kept[e.Path] {
			return
		}
		kept[e.Path] = true
		img.programs = append(img.programs, e)
		if script := img.head(e).interpreter; script != "" {
			keep(script)
		}
	}
	img.eachCommand(func(c command) { keep(c.path) })
}

// isRunfile reports whether an entry is in PROGRAM.runfiles.
func (img *Image) isRunfile(e *spec.Entry) bool {
	for at, c := range e.Path {
		if program, ok := strings.CutSuffix(e.Path[:at], ".runfiles"); ok && c == '/' && img.find(program) != nil {
			return true
		}
	}
	return false
}

func isExecutable(e *spec.Entry) bool {
	return len(e.Mode) == 4 && strings.ContainsAny(e.Mode[1:], "1357")
}

// content reads a file of the image. A file without a source is empty.
func content(e *spec.Entry) ([]byte, error) {
	if e.Source == "" {
		return []byte(e.Content), nil
	}
	content, err := os.ReadFile(e.Source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Path, err)
	}
	return content, nil
}

// maxSymlinks is the number of symlinks after which Linux gives up (path_resolution(7)).
const maxSymlinks = 40

// find returns the entry to which a path of the image leads, or nil.
func (img *Image) find(name string) *spec.Entry {
	rest := strings.Split(strings.Trim(path.Clean(name), "/"), "/")
	root := &spec.Entry{Path: "/", Type: spec.Directory, Mode: "0755"}
	at := root
	for links := 0; len(rest) > 0; {
		next := rest[0]
		rest = rest[1:]
		up := path.Dir(at.Path)
		switch {
		case next == "" || next == ".":
			continue
		case next == ".." && up == "/":
			at = root
			continue
		case next == "..":
			at = img.spec.Find(up)
			continue
		}
		e := img.spec.Find(path.Join(at.Path, next))
		switch {
		case e == nil:
			return nil
		case e.Type == spec.Directory:
			at = e
		case e.Type == spec.Symlink:
			if links++; links > maxSymlinks {
				return nil
			}
			rest = append(strings.Split(e.Target, "/"), rest...)
		case len(rest) > 0:
			return nil
		default:
			return e
		}
	}
	return at
}
