package check

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/osrelease"
	"example.org/portable-walkthrough-go/tools/mkportable/image"
)

// Image is what the checks see.
type Image struct {
	Header  image.Header
	Options Options
	// Units are the unit files in the unit directory, sorted by name.
	Units []*Unit
	// DropIns are the files NAME.d/*.conf there.
	DropIns []*Unit
	// OSRelease is nil if the image has none.
	OSRelease *OSRelease
	// programs are what can be run and is meant to be, see keepPrograms.
	programs []*image.Entry
	// libraries are shared ones, by their names, that can't be run.
	libraries []*image.Entry
	spec      *image.Spec
	heads     map[string]*program
}

// OSRelease is the os-release file.
type OSRelease struct {
	osrelease.File
	Entry *image.Entry
}

// Open reads the image that the spec in the named file declares. The caller
// closes it.
func Open(spec string, options Options) (*Image, error) {
	s, err := image.Open(spec)
	if err != nil {
		return nil, err
	}
	img := &Image{Header: s.Header, Options: options, spec: s, heads: map[string]*program{}}
	if err := img.read(); err != nil {
		s.Close()
		return nil, fmt.Errorf("%s: %w", s.Header.Label, err)
	}
	return img, nil
}

// Close ends the use of the spec.
func (img *Image) Close() error { return img.spec.Close() }

func (img *Image) read() error {
	for e, err := range img.spec.Entries() {
		if err != nil {
			return err
		}
		switch dir, base := path.Split(e.Path); {
		case e.Type == image.Directory:
		case path.Clean(dir) == img.Header.UnitDir && image.IsUnit(base):
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
		case e.Type == image.File && isExecutable(e):
			img.programs = append(img.programs, e)
		case e.Type == image.File && (path.Ext(base) == ".so" || strings.Contains(base, ".so.")):
			img.libraries = append(img.libraries, e)
		}
	}
	img.libraries = slices.DeleteFunc(img.libraries, img.isRunfile)
	img.keepPrograms()
	for _, name := range image.OSReleasePaths {
		e, err := img.resolve(name)
		if err != nil {
			return err
		}
		if e == nil || e.Type != image.File {
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

// keepPrograms takes a program's runfiles from the programs: Bazel marks them all as
// executable, be they data. It keeps those that a unit runs, with the interpreters
// of scripts.
func (img *Image) keepPrograms() {
	kept := map[string]bool{}
	img.programs = slices.DeleteFunc(img.programs, func(e *image.Entry) bool {
		kept[e.Path] = !img.isRunfile(e)
		return !kept[e.Path]
	})
	var keep func(name string)
	keep = func(name string) {
		e := img.find(name)
		if e == nil || e.Type != image.File || !isExecutable(e) || kept[e.Path] {
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

// isRunfile is whether an entry lies in PROGRAM.runfiles.
func (img *Image) isRunfile(e *image.Entry) bool {
	for at, c := range e.Path {
		if program, ok := strings.CutSuffix(e.Path[:at], ".runfiles"); ok && c == '/' && img.find(program) != nil {
			return true
		}
	}
	return false
}

func isExecutable(e *image.Entry) bool {
	return len(e.Mode) == 4 && strings.ContainsAny(e.Mode[1:], "1357")
}

// content reads a file of the image. One without a source is empty.
func content(e *image.Entry) ([]byte, error) {
	if e.Source == "" {
		return nil, nil
	}
	content, err := os.ReadFile(e.Source)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Path, err)
	}
	return content, nil
}

// maxSymlinks is where Linux gives up (path_resolution(7)).
const maxSymlinks = 40

// resolve finds what a path of the image leads to; nil if there is nothing.
func (img *Image) resolve(name string) (*image.Entry, error) {
	rest := strings.Split(strings.Trim(path.Clean(name), "/"), "/")
	at := "/"
	e := &image.Entry{Path: "/", Type: image.Directory, Mode: "0755"}
	for links := 0; len(rest) > 0; {
		next := rest[0]
		rest = rest[1:]
		switch next {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		var err error
		if e, err = img.spec.Find(path.Join(at, next)); err != nil || e == nil {
			return nil, err
		}
		switch e.Type {
		case image.Symlink:
			if links++; links > maxSymlinks {
				return nil, nil
			}
			rest = append(strings.Split(e.Target, "/"), rest...)
		case image.Directory:
			at = e.Path
		default:
			if len(rest) > 0 {
				return nil, nil
			}
			return e, nil
		}
	}
	if at == "/" {
		return &image.Entry{Path: "/", Type: image.Directory, Mode: "0755"}, nil
	}
	return img.spec.Find(at)
}

// find is resolve for checks: what can't be read isn't there.
func (img *Image) find(name string) *image.Entry {
	e, err := img.resolve(name)
	if err != nil {
		return nil
	}
	return e
}
