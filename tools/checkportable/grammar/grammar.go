// Package grammar checks the values of directives as systemd does. Each directive has a
// type (types.tsv), and each type a small function that follows the manual page that it
// names. words.tsv has the words that systemd accepts, with their versions: the program
// directives/generate asks systemd itself. A test compares the results with systemd's own.
package grammar

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"example.org/portable-walkthrough-go/tools/unitfile"
)

//go:embed types.tsv
var typesTable string

//go:embed words.tsv
var wordsTable string

// Effect is what systemd does with a value that it does not accept.
type Effect int

// The effects.
const (
	Ignored     Effect = iota // it logs a warning, and ignores the line or the part
	Refused                   // it does not load the unit
	Dropped                   // it silently ignores the part
	Discouraged               // it accepts the value, but logs a warning
)

// Fault is a mistake in a value or in a part of it.
type Fault struct {
	Effect Effect
	// Type is the directive's, as in types.tsv.
	Type string
	// Part is the wrong part of the value, which may be all of it.
	Part string
	// Is describes the mistake, and follows the part in a message: "is not a time span".
	Is string
	// Fix tells the user what to write, or is empty.
	Fix string
	// Of the systemd versions that were asked, Since is the first that accepts the value,
	// and Before the one before that; 0 if none is older. Until is the last that accepts it;
	// 0 if that is the newest.
	Since, Before, Until int
}

// A value is the input of a type's function, and its result: the faults.
type value struct {
	unit, section, name, text string
	kind                      string
	arg                       string
	faults                    []Fault
}

// A rule is a line of types.tsv.
type rule struct{ kind, arg, set string }

var rules, sets = readTypes()

func readTypes() (map[string]rule, []string) {
	all := map[string]rule{}
	var sets []string
	for line := range strings.Lines(typesTable) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if strings.HasPrefix(line, "#") || len(fields) != 3 {
			continue
		}
		names := strings.Fields(fields[2])
		for _, name := range names {
			all[name] = rule{fields[0], fields[1], names[0]}
		}
		if asksForWords[fields[0]] {
			sets = append(sets, names[0])
		}
	}
	return all, sets
}

// asksForWords are the types whose values can be words.
var asksForWords = map[string]bool{
	"words": true, "list": true, "system-calls": true, "errno": true, "signal": true, "exit-statuses": true, "tos": true,
	"hostname": true, "file-systems": true, "stdin": true, "stdout": true, "weight": true,
}

func lookup(section, name string) (rule, bool) {
	r, ok := rules[section+"."+name]
	if !ok {
		r, ok = rules[name]
	}
	return r, ok
}

// TypeOf is the type of a directive, or "" if it has none.
func TypeOf(section, name string) string {
	r, _ := lookup(section, name)
	return r.kind
}

// WordSets are the sets of words: each is named after the first directive of a line in
// types.tsv.
func WordSets() []string { return slices.Compact(slices.Sorted(slices.Values(sets))) }

// Empty is the set of directives, SECTION.NAME, that may be empty.
const Empty = "(empty)"

// life is the first and the last version that accepts a word; 0 for all.
type life struct{ since, until int }

var versions = readVersions()

// readVersions reads the versions in the table's first line.
func readVersions() []int {
	_, list, _ := strings.Cut(wordsTable, " from systemd ")
	list, _, _ = strings.Cut(list, ". ")
	var versions []int
	for _, text := range strings.Split(list, ", ") {
		version, _ := strconv.Atoi(text)
		versions = append(versions, version)
	}
	slices.Sort(versions)
	return versions
}

var (
	wordSets  = map[string]map[string]life{}
	wordsLock sync.Mutex
)

// known returns the words of a set. It reads a set of the sorted table at its first use,
// because most images need few.
func known(set string) map[string]life {
	wordsLock.Lock()
	defer wordsLock.Unlock()
	words, ok := wordSets[set]
	if ok {
		return words
	}
	words = map[string]life{}
	wordSets[set] = words
	start := strings.Index(wordsTable, "\n"+set+"\t")
	if start < 0 {
		return words
	}
	for line := range strings.Lines(wordsTable[start+1:]) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if fields[0] != set {
			break
		}
		var l life
		l.since, _ = strconv.Atoi(fields[2])
		l.until, _ = strconv.Atoi(fields[3])
		words[fields[1]] = l
	}
	return words
}

// before returns the version that was asked before another one.
func before(version int) int {
	at := slices.Index(versions, version)
	if at < 1 {
		return 0
	}
	return versions[at-1]
}

// Check returns the faults of a directive's value in a unit of that name. Where the answer
// depends on the host, it assumes that the value is right.
func Check(unit, section, name, text string) []Fault {
	r, ok := lookup(section, name)
	if !ok {
		return nil
	}
	v := &value{unit: unit, section: section, name: name, text: text, kind: r.kind, arg: r.arg}
	if text == "" {
		if section != "Install" && !v.isWord(Empty, section+"."+name) {
			v.fault("", "is empty", "Remove the line, or write a value.")
		}
	} else {
		kinds[r.kind](v, r.set)
	}
	for i := range v.faults {
		v.faults[i].Type = r.kind
		if strings.Contains(" "+r.arg+" ", " refused ") && v.faults[i].Effect == Ignored {
			v.faults[i].Effect = Refused
		}
	}
	return v.faults
}

// fault adds a mistake.
func (v *value) fault(part, is, fix string) {
	v.faults = append(v.faults, Fault{Part: part, Is: is, Fix: fix})
}

// refused adds a mistake for which systemd refuses the unit.
func (v *value) refused(part, is, fix string) {
	v.faults = append(v.faults, Fault{Effect: Refused, Part: part, Is: is, Fix: fix})
}

// discouraged adds a mistake that systemd accepts with a warning.
func (v *value) discouraged(part, is, fix string) {
	v.faults = append(v.faults, Fault{Effect: Discouraged, Part: part, Is: is, Fix: fix})
}

// standIns are plausible values of specifiers that only the host knows.
var standIns = map[byte]string{
	's': "/bin/sh", 'D': "/usr/share", 'd': "/run/credentials/unit",
	'y': "/etc/systemd/system/unit", 'Y': "/etc/systemd/system", 'f': "/instance", 'c': "/system.slice", 'r': "/system.slice", 'R': "/system.slice",
}

// expand replaces specifiers. Those whose values only the host knows get stand-ins.
func (v *value) expand(text string) (string, bool) {
	none := byte(0)
	expanded := unitfile.Specifiers(v.unit, text, func(letter byte, is unitfile.Specifier) string {
		if is == unitfile.NoneSuch {
			none = letter
		}
		if standIn, ok := standIns[letter]; ok {
			return standIn
		}
		return "instance"
	})
	if none != 0 {
		v.fault(text, fmt.Sprintf("has %%%c, which is not a specifier", none), "Write %% for a percent sign.")
		return "", false
	}
	return expanded, true
}

// words splits the value at blanks, up to a quote that is not closed or an invalid escape:
// systemd uses the words before it.
func (v *value) words(mode unitfile.Mode) []string {
	words, err := unitfile.Split(v.text, unitfile.Blanks, mode)
	if err != nil {
		v.fault(v.text, "can't be split into words: "+err.Error(), "")
	}
	return words
}

// isWord reports whether a set has a word. If only some versions of systemd accept it, it
// adds a fault with them.
func (v *value) isWord(set, word string) bool {
	l, ok := known(set)[word]
	if ok && (l.since != 0 || l.until != 0) {
		v.faults = append(v.faults, Fault{Part: v.text, Since: l.since, Before: before(l.since), Until: l.until})
	}
	return ok
}

// has reports whether the type's argument has a word.
func (v *value) has(word string) bool { return slices.Contains(strings.Fields(v.arg), word) }

// since adds a fault: only from a version on, systemd accepts a value that follows the rules.
func (v *value) since(version, before int) {
	v.faults = append(v.faults, Fault{Part: v.text, Since: version, Before: before})
}

// kinds are the functions of the types.
var kinds map[string]func(v *value, set string)

func init() {
	kinds = map[string]func(*value, string){
		"bool": isBool, "tristate": isBool, "condition": isText, "condition-path": isConditionPath, "text": isText, "raw": isAnything,
		"reboot": isReboot, "words": isOneWord, "list": isList, "system-calls": isSystemCalls, "errno": isErrno,
		"capabilities": isCapabilities, "secure-bits": isSecureBits, "signal": isSignal, "exit-statuses": isExitStatuses,
		"file-systems": isFileSystems, "hostname": isHostname, "span": isSpan, "nanoseconds": isSpan, "calendar": isCalendar,
		"number": isNumber, "tos": isTOS, "mode": isMode, "size": isSize, "limit": isLimit, "memory": isMemory, "tasks": isTasks,
		"quota": isQuota, "weight": isWeight, "percent": isPercent, "cpus": isCPUs,
		"device-weight": isDeviceRule, "device-limit": isDeviceRule, "device-span": isDeviceRule, "device-rule": isDeviceAllow,
		"user": isUser, "users": isUser, "unit": isUnit, "units": isUnits, "slice": isSlice, "install": isAnything, "instance": isAnything,
		"path": isPath, "pid-file": isPIDFile, "working-directory": isWorkingDirectory, "paths": isPaths, "search-path": isSearchPath,
		"binds": isBinds, "temporary": isTemporary, "images": isImages, "image-options": isImageOptions, "image-policy": isImagePolicy,
		"root-hash": isRootHash, "directories": isDirectories, "command": isCommand, "environment": isEnvironment,
		"stdin": isStdin, "stdout": isStdout, "base64": isBase64, "c-text": isCText, "log-fields": isLogFields, "regex": isRegex,
		"log-namespace": isLogNamespace, "credential": isCredential, "bus-name": isBusName, "open-file": isOpenFile,
		"sub-group": isSubGroup, "names": isNames, "ip-prefixes": isPrefixes, "bind-rule": isBindRule, "interface": isInterface,
		"interfaces": isInterfaces, "bpf-program": isBPFProgram, "nft-set": isNFTSet, "listen": isListen, "netlink": isNetlink,
		"fd-name": isDescriptorName, "xattr": isXAttr, "documentation": isDocumentation,
	}
}

// isAnything accepts any value: systemd does not check it.
func isAnything(*value, string) {}

// isText accepts any text, with specifiers (systemd.unit(5)).
func isText(v *value, _ string) { v.expand(v.text) }
