package check

import (
	"bytes"
	"debug/elf"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
)

// A loader finds libraries as ld.so(8) or musl's loader does.
type loader struct {
	img *Image
	// places are the directories of $LD_LIBRARY_PATH in the image's services: a program may be run by
	// any of them.
	places []string
	// cached are the paths in ld.so's cache, by the libraries' names.
	cached map[string][]string
	// visited are the objects of all programs so far, and loaded their names.
	visited, loaded map[string]bool
}

// A missingLibrary is a library that the loader does not find.
type missingLibrary struct {
	by      *spec.Entry
	library string
	// other is a library of that name for another machine, and elsewhere one where the loader does not
	// look; or nil.
	other, elsewhere *spec.Entry
}

// missingLibraries returns the libraries that programs and their libraries need and do not find.
// Libraries that no program needs may be loaded later, and so are searched with all others loaded.
func (img *Image) missingLibraries() []missingLibrary {
	l := &loader{img: img, cached: map[string][]string{}, visited: map[string]bool{}, loaded: map[string]bool{}}
	for _, u := range img.of("service") {
		l.places = append(l.places, u.pathVariable("LD_LIBRARY_PATH")...)
	}
	if e := img.find("/etc/ld.so.cache"); e != nil && e.Type == spec.File {
		cache, _ := content(e) // without it, ld.so looks in its directories
		// The cache has the paths as texts that end with NUL.
		for _, text := range bytes.Split(cache, []byte{0}) {
			if name := string(text); path.IsAbs(name) {
				l.cached[path.Base(name)] = append(l.cached[path.Base(name)], name)
			}
		}
	}
	isLibrary := func(e *spec.Entry) bool {
		base, head := path.Base(e.Path), img.head(e).elf
		return head != nil && head.interp == "" && (strings.HasSuffix(base, ".so") || strings.Contains(base, ".so."))
	}
	var all []missingLibrary
	for _, libraries := range []bool{false, true} {
		for _, e := range img.programs {
			if isLibrary(e) != libraries || libraries && l.visited[e.Path] {
				continue
			}
			loaded := map[string]bool{}
			if libraries {
				loaded = l.loaded
			}
			for _, m := range l.load(e, loaded) {
				if !slices.ContainsFunc(all, func(other missingLibrary) bool { return other.by == m.by && other.library == m.library }) {
					all = append(all, m)
				}
			}
		}
	}
	return all
}

// An object is a program or a library of it, with the object that needs it.
type object struct {
	entry *spec.Entry
	by    *object
	// origins are the values of $ORIGIN.
	origins []string
}

// load finds the libraries of a program breadth first: one that is loaded already is not searched.
func (l *loader) load(e *spec.Entry, loaded map[string]bool) []missingLibrary {
	head := l.img.head(e).elf
	if head == nil {
		return nil
	}
	var all []missingLibrary
	loaded[path.Base(head.interp)] = true
	musl := strings.HasPrefix(path.Base(head.interp), "ld-musl-")
	objects := []*object{{entry: e, origins: []string{path.Dir(e.Path)}}}
	for i := 0; i < len(objects); i++ {
		o := objects[i]
		head := l.img.head(o.entry).elf
		l.visited[o.entry.Path] = true
		if head == nil {
			continue
		}
		for _, library := range head.needed {
			if loaded[library] || musl && isMuslItself(library) {
				continue
			}
			loaded[library], l.loaded[library] = true, true
			found, other := l.search(o, library, musl)
			if found == nil {
				all = append(all, missingLibrary{o.entry, library, other, l.elsewhere(o.entry, library)})
				continue
			}
			objects = append(objects, found)
		}
	}
	return all
}

// isMuslItself reports whether a library is a part of musl, which is its own loader.
func isMuslItself(library string) bool {
	name, ok := strings.CutPrefix(library, "lib")
	name, _, _ = strings.Cut(name, ".")
	return ok && slices.Contains([]string{"c", "pthread", "rt", "m", "dl", "util", "xnet"}, name)
}

// search returns the library that an object needs. Like ld.so, it ignores libraries for other
// machines; other is such a library, or nil.
func (l *loader) search(o *object, library string, musl bool) (found *object, other *spec.Entry) {
	head := l.img.head(o.entry).elf
	candidates := []string{library}
	if !strings.Contains(library, "/") {
		candidates = nil
		for _, place := range l.directories(o, head, musl) {
			candidates = append(candidates, path.Join(place, library))
		}
		candidates = append(candidates, l.cached[library]...)
	}
	for _, name := range candidates {
		e := l.img.find(name)
		if !path.IsAbs(name) || e == nil || e.Type != spec.File {
			continue
		}
		if is := l.img.head(e).elf; is != nil && is.architecture != head.architecture {
			other = e
			continue
		}
		return &object{e, o, []string{path.Dir(name), path.Dir(e.Path)}}, nil
	}
	return nil, other
}

// directories returns where the loader looks for the libraries of an object: in its DT_RPATH and those
// of the objects that need it, unless it has a DT_RUNPATH; in $LD_LIBRARY_PATH; in its DT_RUNPATH; and
// in the system's directories.
func (l *loader) directories(o *object, head *elfHead, musl bool) []string {
	var all []string
	add := func(o *object, paths []string) {
		for _, place := range paths {
			for _, origin := range o.origins {
				for _, lib := range []string{"lib", "lib64", "lib/" + multiarch[head.machine]} {
					all = append(all, strings.NewReplacer("$ORIGIN", origin, "${ORIGIN}", origin, "$LIB", lib, "${LIB}", lib).Replace(place))
				}
			}
		}
	}
	for by := o; by != nil; by = by.by {
		// musl searches both in all of them.
		h := l.img.head(by.entry).elf
		if musl || len(head.runpaths) == 0 && len(h.runpaths) == 0 {
			add(by, h.rpaths)
		}
		if musl && by != o {
			add(by, h.runpaths)
		}
	}
	all = append(all, l.places...)
	add(o, head.runpaths)
	if musl {
		return append(all, "/lib", "/usr/local/lib", "/usr/lib")
	}
	if triple := multiarch[head.machine]; triple != "" {
		all = append(all, "/lib/"+triple, "/usr/lib/"+triple)
	}
	return append(all, "/lib64", "/usr/lib64", "/lib", "/usr/lib")
}

// elsewhere finds a library for an object's machine anywhere in the image.
func (l *loader) elsewhere(by *spec.Entry, library string) *spec.Entry {
	for _, e := range l.img.spec.Entries {
		if path.Base(e.Path) != library {
			continue
		}
		if found := l.img.find(e.Path); found != nil && found.Type == spec.File {
			if head := l.img.head(found).elf; head != nil && head.architecture == l.img.head(by).elf.architecture {
				return e
			}
		}
	}
	return nil
}

// pathVariable returns the directories that a service sets in a variable such as $PATH.
func (u *Unit) pathVariable(name string) []string {
	var all []string
	for _, word := range u.variables() {
		if list, ok := strings.CutPrefix(word, name+"="); ok {
			for _, directory := range strings.Split(list, ":") {
				if directory, _ := u.expand(directory); path.IsAbs(directory) {
					all = append(all, path.Clean(directory))
				}
			}
		}
	}
	return all
}

// multiarch are Debian's names of library directories.
var multiarch = map[elf.Machine]string{
	elf.EM_X86_64: "x86_64-linux-gnu", elf.EM_AARCH64: "aarch64-linux-gnu", elf.EM_386: "i386-linux-gnu",
	elf.EM_ARM: "arm-linux-gnueabihf", elf.EM_RISCV: "riscv64-linux-gnu", elf.EM_PPC64: "powerpc64le-linux-gnu", elf.EM_S390: "s390x-linux-gnu",
}
