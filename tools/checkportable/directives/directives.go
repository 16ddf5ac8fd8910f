// Package directives knows what systemd knows: the sections and directives of unit
// files, the units that it brings, and the profiles of portable services. The
// tables are generated from systemd's own dump and manuals (see generate).
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
	// Type is systemd's word for what the value is, such as BOOLEAN or SECONDS.
	Type string
	// Since is the systemd version that brought it, 0 for 247 and older.
	Since int
	// Until is the last version seen that knows it, 0 if the newest does.
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

// IsUnit reports whether a unit comes with systemd or is one that systemd makes
// (systemd.special(7)). An instance is known by its template.
func IsUnit(name string) bool {
	if at := strings.IndexByte(name, '@'); at >= 0 {
		name = name[:at+1] + path.Ext(name)
	}
	return units[name]
}

// Profiles are the names of the profiles that come with systemd, sorted.
func Profiles() []string { return slices.Sorted(maps.Keys(profiles)) }

// Profile is what a profile sets in the section [Service], in its order.
func Profile(name string) []Setting { return profiles[name] }

// rows yields the fields of each line that is no comment.
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
	// Not in a file: systemd makes these itself, or other packages of any host do.
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

// Nearest returns the candidate that a name was probably meant to be, or "" if
// none is near. Letters that are added, left out, changed or swapped count; case
// does not.
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
