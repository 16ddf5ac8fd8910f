// Package directives has tables of systemd's: the sections and directives of unit
// files, the units that come with it, and the profiles of portable services. The
// program generate makes them from systemd's own dump and manuals.
package directives

import (
	_ "embed"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

//go:embed directives.tsv
var directivesTable string

//go:embed units.txt
var unitsTable string

//go:embed profiles.tsv
var profilesTable string

// Directive is a name that systemd's parser accepts in a section.
type Directive struct {
	Section, Name string
	// Type is systemd's name for the value's type, such as BOOLEAN or SECONDS.
	Type string
	// Since is the first systemd version with the directive; 0 for 247 and older.
	Since int
	// Until is the last version with it, of those that the tables cover; 0 if that is the
	// newest.
	Until int
	// Documented is false for old names that are accepted only for compatibility.
	Documented bool
}

// Setting is a line of a profile.
type Setting struct{ Name, Value string }

var (
	bySection = readDirectives()
	units     = readUnits()
	profiles  = readProfiles()
)

// Newest is the systemd version that the tables describe.
var Newest = newestVersion()

// Lookup finds a directive by its section and name. Case matters.
func Lookup(section, name string) (Directive, bool) {
	d, ok := bySection[section][name]
	return d, ok
}

// IsSection reports whether systemd has such a section.
func IsSection(name string) bool { return bySection[name] != nil || name == "Target" }

// Sections are the names of all sections, sorted.
func Sections() []string { return slices.Sorted(maps.Keys(bySection)) }

// Names are a section's directives that are still in use, sorted.
func Names(section string) []string {
	var names []string
	for name, d := range bySection[section] {
		if d.Until == 0 && d.Documented {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// IsUnit reports whether a unit comes with systemd, or systemd makes it
// (systemd.special(7)). For an instance, the template counts.
func IsUnit(name string) bool {
	if at := strings.IndexByte(name, '@'); at >= 0 {
		name = name[:at+1] + path.Ext(name)
	}
	return units[name]
}

// Profiles are the names of the profiles that come with systemd, sorted.
func Profiles() []string { return slices.Sorted(maps.Keys(profiles)) }

// Profile returns a profile's settings in the section [Service], in its order.
func Profile(name string) []Setting { return profiles[name] }

// rows yields the fields of each line that is not a comment.
func rows(table string) func(func([]string) bool) {
	return func(yield func([]string) bool) {
		for line := range strings.Lines(table) {
			if line = strings.TrimSuffix(line, "\n"); !strings.HasPrefix(line, "#") && !yield(strings.Split(line, "\t")) {
				return
			}
		}
	}
}

func readDirectives() map[string]map[string]Directive {
	all := map[string]map[string]Directive{}
	for row := range rows(directivesTable) {
		d := Directive{Section: row[0], Name: row[1], Type: row[2], Documented: row[5] == "true"}
		d.Since, _ = strconv.Atoi(row[3])
		d.Until, _ = strconv.Atoi(row[4])
		if all[d.Section] == nil {
			all[d.Section] = map[string]Directive{}
		}
		all[d.Section][d.Name] = d
	}
	return all
}

func readUnits() map[string]bool {
	// These have no file: systemd makes them, or they come with other packages of any host.
	all := map[string]bool{"-.slice": true, "system.slice": true, "init.scope": true, "-.mount": true,
		"dbus.service": true, "dbus.socket": true, "display-manager.service": true}
	for row := range rows(unitsTable) {
		all[row[0]] = true
	}
	return all
}

func readProfiles() map[string][]Setting {
	all := map[string][]Setting{}
	for row := range rows(profilesTable) {
		all[row[0]] = append(all[row[0]], Setting{row[1], row[2]})
	}
	return all
}

func newestVersion() int {
	_, after, _ := strings.Cut(directivesTable, "from systemd ")
	digits, _, _ := strings.Cut(after, ",")
	version, _ := strconv.Atoi(digits)
	return version
}

// Nearest returns the candidate that the author of a name probably meant, or "" if
// none is near. It counts letters that are added, left out, changed or swapped, and
// ignores case.
func Nearest(name string, candidates []string) string {
	best, distance := "", 1+max(1, len(name)/4)
	for _, candidate := range candidates {
		if d := editDistance(strings.ToLower(name), strings.ToLower(candidate)); d < distance {
			best, distance = candidate, d
		}
	}
	return best
}

// editDistance is the restricted Damerau-Levenshtein distance in bytes.
func editDistance(a, b string) int {
	before, above, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(above[j]+1, row[j-1]+1, above[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
