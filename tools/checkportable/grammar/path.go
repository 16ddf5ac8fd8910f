package grammar

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/portable-walkthrough-go/tools/unitfile"
)

// wrongPath returns the mistake in an absolute path, or "".
func wrongPath(name string) string {
	switch {
	case !path.IsAbs(name):
		return "is not an absolute path"
	case slices.Contains(strings.Split(name, "/"), ".."):
		return "has \"..\" in it"
	case tooLong(name):
		return "is too long for a path"
	}
	return ""
}

func tooLong(name string) bool {
	return len(name) >= 4096 || slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool { return len(part) > 255 })
}

const pathFix = "Write an absolute path without \"..\"."

// absolute adds the mistakes of an absolute path, after it has replaced specifiers.
func (v *value) absolute(part string) (string, bool) {
	name, ok := v.expand(part)
	if !ok {
		return "", false
	}
	name = v.belowRoot(name)
	if is := wrongPath(name); is != "" {
		fix := pathFix
		if strings.ContainsAny(name, `"'`) && wrongPath(strings.Trim(name, `"'`)) == "" {
			fix = "Write it without quotes: the whole value is one path."
		}
		v.fault(part, is, fix)
		return "", false
	}
	return name, true
}

// belowRoot removes ".." at the root of a path, as systemd does since 257.
func (v *value) belowRoot(name string) string {
	for strings.HasPrefix(name, "/../") || name == "/.." {
		name = "/" + strings.TrimLeft(name[len("/.."):], "/")
		v.since(257, 252)
	}
	return name
}

// belowKernel matches paths on the kernel's own file systems.
func belowKernel(name string) bool {
	return slices.ContainsFunc([]string{"/dev", "/sys", "/proc"}, func(dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") })
}

// isPath accepts one path, which may have blanks and quotes. The argument has the characters
// that may precede it.
func isPath(v *value, _ string) {
	text := v.text
	if v.arg == "-" {
		text = strings.TrimPrefix(text, "-")
	}
	if expanded, ok := v.expand(text); ok && expanded == "" {
		if v.arg != "" && v.arg != "refused" || v.section == "Path" {
			v.fault(v.text, "is not an absolute path", pathFix)
		}
		return
	}
	if len(v.faults) > 0 {
		return
	}
	if name, ok := v.absolute(text); ok && v.arg == "no-api" && belowKernel(name) {
		v.fault(v.text, "is below /dev, /proc or /sys", "Choose another directory, such as /run.")
	} else if ok && v.name == "ListenFIFO" && strings.HasPrefix(name, "/var/run/") {
		v.legacy(name)
	}
}

// isConditionPath accepts a path after "|" and "!" (systemd.unit(5), "Conditions and Asserts").
func isConditionPath(v *value, _ string) {
	v.absolute(strings.TrimPrefix(strings.TrimPrefix(v.text, "|"), "!"))
}

// isPaths accepts a list of paths. The argument has the characters that may precede each of
// them, in that order.
func isPaths(v *value, _ string) {
	for _, word := range v.words(unitfile.Unquote) {
		for _, c := range v.arg {
			word = strings.TrimPrefix(word, string(c))
		}
		v.absolute(word)
	}
}

// isPIDFile accepts a path, below /run if it is not absolute (systemd.service(5)).
func isPIDFile(v *value, _ string) {
	name, ok := v.expand(v.text)
	if !ok {
		return
	}
	if !path.IsAbs(name) {
		name = "/run/" + name
	}
	switch is := wrongPath(name); {
	case is != "":
		v.refused(v.text, is, pathFix)
	case belowKernel(name):
		v.refused(v.text, "is below /dev, /proc or /sys", "Choose another directory, such as /run.")
	case name == "/var/run" || strings.HasPrefix(name, "/var/run/"):
		v.legacy(name)
	}
}

// legacy adds a fault if a path is below /var/run, which systemd replaces by /run.
func (v *value) legacy(name string) {
	v.discouraged(v.text, "is below the old directory /var/run", "Write /run"+strings.TrimPrefix(name, "/var/run")+".")
}

// isWorkingDirectory accepts a path or "~", perhaps after "-" (systemd.exec(5)).
func isWorkingDirectory(v *value, _ string) {
	text, optional := strings.CutPrefix(v.text, "-")
	if text == "~" {
		return
	}
	v.absolute(text)
	for i := range v.faults {
		if !optional {
			v.faults[i].Effect = Refused
		}
	}
}

// isSearchPath accepts paths between colons.
func isSearchPath(v *value, _ string) {
	list, err := unitfile.Split(v.text, ":", unitfile.EachSeparator)
	if strings.HasSuffix(v.text, ":") {
		list = append(list, "")
	}
	if err != nil {
		v.fault(v.text, "can't be split at colons: "+err.Error(), "")
	}
	for _, word := range list {
		v.absolute(word)
	}
}

// tuples splits the value into words, and each word at its colons.
func (v *value) tuples() [][]string {
	all, err := unitfile.Tuples(v.name, v.text)
	if err != nil {
		v.fault(v.text, "can't be split at blanks and colons: "+err.Error(), `Write \\ for a backslash, and close quotes.`)
	}
	return all
}

// get returns a part of a tuple, or "".
func get(parts []string, i int) string {
	if i < len(parts) {
		return parts[i]
	}
	return ""
}

// relative adds the mistakes of a path below one of systemd's directories.
func (v *value) relative(part string) (string, bool) {
	name, ok := v.expand(part)
	switch {
	case !ok:
	case name == "":
		v.fault(part, "is an empty path", "")
	case path.IsAbs(name):
		fix := "Write the path below the directory that the directive is for, without a slash before it."
		for _, dir := range []string{"/var/lib/", "/var/cache/", "/var/log/", "/run/", "/etc/"} {
			if rest, ok := strings.CutPrefix(name, dir); ok && rest != "" {
				fix = "Write " + rest + "."
			}
		}
		v.fault(part, "is an absolute path", fix)
	case slices.Contains(strings.Split(name, "/"), ".."), path.Clean(name) == ".":
		v.fault(part, "is not a path below a directory", "")
	case tooLong(name):
		v.fault(part, "is too long for a path", "")
	default:
		return path.Clean(name), true
	}
	return "", false
}

// isDirectories accepts paths below one of systemd's directories, each optionally with a
// second name and options (systemd.exec(5), RuntimeDirectory=).
func isDirectories(v *value, _ string) {
	for _, parts := range v.tuples() {
		name, ok := v.relative(parts[0])
		if !ok {
			continue
		}
		link, options := get(parts, 1), get(parts, 2)
		switch {
		case name == "private" || strings.HasPrefix(name, "private/"):
			v.fault(parts[0], "is where systemd keeps the directories of dynamic users", "Choose another name.")
		case link != "" && v.arg == "no-links":
			v.fault(strings.Join(parts, ":"), "has a link, which this directive does not support", "Remove the text after the colon.")
		case options != "" && options != "ro":
			v.fault(strings.Join(parts, ":"), "has options other than ro", "Write NAME, NAME:LINK or NAME:LINK:ro.")
		case options != "" && v.arg == "no-links":
			v.since(257, 252)
		case link != "":
			v.relative(link)
		}
	}
}

var bindOptions = []string{"rbind", "norbind"}

// isBinds accepts SOURCE:DESTINATION:OPTIONS (systemd.exec(5), BindPaths=).
func isBinds(v *value, _ string) {
	if strings.Contains(v.text, "  ") || strings.Contains(v.text, `"`) && strings.Contains(v.text, ":") {
		v.since(262, 257)
	}
	for _, parts := range v.tuples() {
		if len(parts) == 1 && strings.HasSuffix(v.text, ":") {
			parts = append(parts, "")
		}
		if _, ok := v.absolute(strings.TrimPrefix(parts[0], "-")); !ok || len(parts) == 1 {
			continue
		}
		v.absolute(parts[1])
		if options := get(parts, 2); len(parts) > 3 || options != "" && !slices.Contains(bindOptions, options) {
			v.fault(options, "is not an option of a bind mount", "Write one of "+strings.Join(bindOptions, ", ")+".")
		}
	}
}

// isTemporary accepts PATH:OPTIONS (systemd.exec(5), TemporaryFileSystem=).
func isTemporary(v *value, _ string) {
	for _, parts := range v.tuples() {
		v.absolute(parts[0])
	}
}

// isImages accepts images with mount options and, depending on the argument, a mount point
// (systemd.exec(5), MountImages= and ExtensionImages=).
func isImages(v *value, _ string) {
	for _, parts := range v.tuples() {
		if v.arg == "mount" && len(parts) < 2 {
			v.fault(parts[0], "has no destination", "Write IMAGE:PATH.")
			continue
		}
		if v.arg != "mount" && parts[0] == "" {
			continue // no image
		}
		if _, ok := v.absolute(strings.TrimPrefix(parts[0], "-")); !ok {
			continue
		}
		options := parts[1:]
		if v.arg == "mount" {
			v.absolute(parts[1])
			options = parts[2:]
		}
		v.partitions(options)
	}
}

var partitions = []string{"root", "usr", "home", "srv", "esp", "xbootldr", "tmp", "var", "swap", "root-verity", "usr-verity", "root-verity-sig", "usr-verity-sig"}

// partitions checks mount options: one list, or PARTITION:OPTIONS:PARTITION:OPTIONS.
func (v *value) partitions(options []string) {
	if len(options) < 2 {
		return
	}
	for i := 0; i+1 < len(options); i += 2 {
		if options[i] != "" && !slices.Contains(partitions, options[i]) {
			v.fault(options[i], "is not a partition of an image", "Write PARTITION:OPTIONS, as in root:nosuid.")
		}
	}
}

// isImageOptions accepts mount options of the image that is the root directory.
func isImageOptions(v *value, _ string) {
	for _, parts := range v.tuples() {
		if len(parts) > 2 {
			v.fault(strings.Join(parts, ":"), "is not PARTITION:OPTIONS", "Write one pair, and a blank before the next.")
			continue
		}
		v.partitions(parts)
		for _, part := range parts {
			v.expand(part)
		}
	}
}

var policyFlags = []string{
	"unprotected", "verity", "signed", "encrypted", "encryptedwithintegrity", "unused", "absent", "open", "ignore",
	"read-only-off", "read-only-on", "growfs-off", "growfs-on",
}

// isImagePolicy accepts systemd.image-policy(7): PARTITION=FLAG+FLAG between colons.
func isImagePolicy(v *value, _ string) {
	if slices.Contains([]string{"*", "-", "~"}, v.text) {
		return
	}
	for _, part := range strings.Split(v.text, ":") {
		name, flags, ok := strings.Cut(part, "=")
		if !ok {
			v.refused(v.text, "is not an image policy", "Write PARTITION=FLAG+FLAG, with colons between them.")
			return
		}
		unknown := slices.ContainsFunc(strings.Split(flags, "+"), func(flag string) bool { return !slices.Contains(policyFlags, flag) })
		if name != "" && !slices.Contains(partitions, name) || unknown {
			v.since(262, 257) // 257 ignores unknown partitions and flags
		}
	}
}

// isRootHash accepts hexadecimal digits or a file with them; for a signature, base64.
func isRootHash(v *value, _ string) {
	if path.IsAbs(v.text) {
		return
	}
	if encoded, ok := strings.CutPrefix(v.text, "base64:"); ok && v.name == "RootHashSignature" {
		if !decodes(encoded) {
			v.fault(v.text, "is not base64", "")
		}
		return
	}
	_, err := strconv.ParseUint("1"+v.text, 16, 8*len(v.text)+8)
	hex := err == nil || strings.Trim(v.text, "0123456789abcdefABCDEF") == ""
	if v.name == "RootHashSignature" || !hex || len(v.text)%2 != 0 || len(v.text) < 32 {
		v.fault(v.text, "is neither a root hash in hexadecimal digits nor an absolute path", "")
	}
}

// isOpenFile accepts PATH:NAME:OPTIONS (systemd.service(5)).
func isOpenFile(v *value, _ string) {
	parts, err := unitfile.Split(v.text, ":", unitfile.EachSeparator|unitfile.CEscapes)
	switch {
	case err != nil || len(parts) == 0 || len(parts) > 3:
		v.fault(v.text, "is not PATH:NAME:OPTIONS", "")
		return
	case !path.IsAbs(parts[0]), path.Clean(parts[0]) == "/":
		v.fault(v.text, "is not an absolute path", pathFix)
		return
	}
	if name := get(parts, 1); len(name) > 255 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		v.fault(v.text, "has no name of a file descriptor after its colon", "")
	}
	options := strings.Split(get(parts, 2), ",")
	if slices.Contains(options, "read-only") && (slices.Contains(options, "append") || slices.Contains(options, "truncate")) {
		v.fault(v.text, "is read-only, but also opened for writing", "Write one of read-only, append and truncate.")
	}
	for _, option := range options {
		if option != "" && !slices.Contains([]string{"read-only", "append", "truncate", "graceful"}, option) {
			v.fault(v.text, "has options other than read-only, append, truncate, graceful", "")
		}
	}
}

// device adds the mistakes of a device's path.
func (v *value) device(part string) bool {
	name, ok := v.expand(strings.TrimPrefix(part, "-"))
	if name = v.belowRoot(name); ok && (name == "" || slices.Contains(strings.Split(name, "/"), "..")) {
		v.fault(part, "is not a path, or contains \"..\"", pathFix)
		return false
	}
	return ok
}

// isDeviceRule accepts a device, and a weight, a rate or a time
// (systemd.resource-control(5)).
func isDeviceRule(v *value, _ string) {
	name, rest, ok, err := unitfile.Next(v.text, unitfile.Blanks, unitfile.Unquote)
	if err != nil || !ok || rest == "" {
		v.fault(v.text, "is not a device and a number", "Write both, with a blank between them.")
		return
	}
	if !v.device(name) {
		return
	}
	switch v.kind {
	case "device-weight":
		if n, ok := integer(rest); !ok || n < 1 || n > 10000 {
			v.fault(rest, "is not a weight from 1 to 10000", "")
		}
	case "device-limit":
		n, ok := thousands(rest)
		if rest != "infinity" && (!ok || n == 0) {
			v.fault(rest, "is not a rate", "Write a number, optionally with K, M, G or T for thousands and so on.")
		}
	case "device-span":
		if _, ok := span(rest, "s"); !ok {
			v.fault(rest, "is not a time span", "Write a number with a unit, as in 25ms.")
		}
	}
}

// thousands parses a size whose units are powers of 1000.
func thousands(text string) (uint64, bool) {
	n, ok := size(text)
	if !ok {
		return 0, false
	}
	return n.Uint64(), true
}

// isDeviceAllow accepts a device or group of them, and r, w and m
// (systemd.resource-control(5)).
func isDeviceAllow(v *value, _ string) {
	name, rights, ok, err := unitfile.Next(v.text, unitfile.Blanks, unitfile.Unquote)
	if err != nil || !ok {
		v.fault(v.text, "is not a device and its rights", "")
		return
	}
	expanded, ok := v.expand(name)
	if !ok {
		return
	}
	group := strings.HasPrefix(expanded, "block-") || strings.HasPrefix(expanded, "char-")
	if !group && (wrongPath(expanded) != "" || !slices.ContainsFunc([]string{"/dev/", "/run/systemd/inaccessible/"}, func(dir string) bool { return strings.HasPrefix(expanded+"/", dir) })) {
		v.fault(name, "is not a device", "Write a path below /dev, or block-NAME or char-NAME.")
		return
	}
	if strings.Trim(rights, "rwm") != "" {
		v.fault(rights, "has rights other than r, w and m", "Write some of r, w and m, as in rw.")
	}
}
