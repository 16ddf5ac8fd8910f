package unitfile

// Tuples splits the value of a directive with SOURCE:DESTINATION:OPTIONS or similar
// (systemd.exec(5)), one tuple for each, as systemd does: "\:" is a colon of the path, and
// quotes enclose a path with blanks. After an error come no more. Of any other directive
// each word is a tuple. (Before systemd 262 a colon between quotes was one of the path.)
func Tuples(directive, value string) ([][]string, error) {
	switch directive {
	case "BindPaths", "BindReadOnlyPaths", "StateDirectory", "CacheDirectory", "LogsDirectory", "RuntimeDirectory", "ConfigurationDirectory",
		"MountImages", "ExtensionImages", "RootImageOptions":
		return tuples(value, Unquote|KeepEscapes, CEscapes|EscapedSeparators|EachSeparator)
	case "TemporaryFileSystem":
		return tuples(value, Unquote, EachSeparator)
	}
	words, err := Split(value, Blanks, Unquote)
	var all [][]string
	for _, word := range words {
		all = append(all, []string{word})
	}
	return all, err
}

// tuples splits words, and then each of them at its colons.
func tuples(value string, words, fields Mode) ([][]string, error) {
	var all [][]string
	list, err := Split(value, Blanks, words)
	for _, word := range list {
		parts, err := Split(word, ":", fields)
		if err != nil {
			return all, err
		}
		if len(parts) > 0 {
			all = append(all, parts)
		}
	}
	return all, err
}
