package execlog

import (
	"fmt"
	"strconv"
	"strings"
)

// String tells the difference in a line, for a reader. Digests are shortened.
func (d Difference) String() string {
	switch d.Field {
	case NotBefore:
		return "not in the previous log: new, or up to date then"
	case NoCache:
		return "no cache was asked: none is set, or its strategy uses none"
	case NotStored:
		return "same as before, when no cache was in use that could have kept it"
	case Lost:
		return "same key as before: the cache lost it, refused it, or is another one"
	case FailedBefore:
		return "same key as before, when it failed: caches keep no failures"
	case Hidden:
		return "another key than before, though the logs show no difference"
	case NotReproducible:
		return d.Name + ": the same key made it otherwise before; the action is not reproducible"
	}
	if d.Name == "order" && d.Before == "" && d.After == "" {
		return string(d.Field) + "s in another order"
	}
	if d.Field == OutputPath && d.Name == "configuration" {
		return fmt.Sprintf("configuration %s → %s", d.Before, d.After)
	}
	what := string(d.Field)
	if d.Name != "" {
		what += " " + d.Name
	}
	before, after := d.value(d.Before), d.value(d.After)
	switch {
	case d.Added:
		return fmt.Sprintf("%s: added, %s", what, after)
	case d.Removed:
		return fmt.Sprintf("%s: removed, was %s", what, before)
	}
	return fmt.Sprintf("%s: %s → %s", what, before, after)
}

func (d Difference) value(text string) string {
	if d.Field != InputFile {
		return strconv.Quote(text)
	}
	hash, size, ok := strings.Cut(text, "/")
	if !ok || strings.HasPrefix(text, "->") {
		return text
	}
	if hash == "" {
		return "empty"
	}
	return fmt.Sprintf("%.8s… (%s B)", hash, size)
}
