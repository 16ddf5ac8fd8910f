package grammar

import (
	_ "embed"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
)

// zonesTable has the names of all time zones, a line each.
//
//go:embed zones.txt
var zonesTable string

// isZone reports whether a text is a name of a time zone.
func isZone(text string) bool {
	return !strings.HasPrefix(text, "#") && strings.Contains(zonesTable, "\n"+text+"\n")
}

// timeUnits are those of systemd.time(7), in nanoseconds. A unit that begins with another
// one comes before it.
var timeUnits = []struct {
	name string
	ns   int64
}{
	{"seconds", 1e9}, {"second", 1e9}, {"sec", 1e9}, {"s", 1e9},
	{"minutes", 60e9}, {"minute", 60e9}, {"min", 60e9},
	{"months", 2629800e9}, {"month", 2629800e9}, {"M", 2629800e9},
	{"msec", 1e6}, {"ms", 1e6}, {"m", 60e9},
	{"hours", 3600e9}, {"hour", 3600e9}, {"hr", 3600e9}, {"h", 3600e9},
	{"days", 86400e9}, {"day", 86400e9}, {"d", 86400e9},
	{"weeks", 604800e9}, {"week", 604800e9}, {"w", 604800e9},
	{"years", 31557600e9}, {"year", 31557600e9}, {"y", 31557600e9},
	{"usec", 1e3}, {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3}, {"nsec", 1}, {"ns", 1},
}

func unitOf(text string, nanoseconds bool) (ns int64, length int) {
	for _, u := range timeUnits {
		if strings.HasPrefix(text, u.name) && (nanoseconds || u.ns > 1) {
			return u.ns, len(u.name)
		}
	}
	return 0, 0
}

// Infinity is the span "infinity", and any other that is too long for a Duration.
const Infinity = time.Duration(math.MaxInt64)

// Span parses a time span (systemd.time(7)); a number without a unit is in seconds. It also
// parses Go's durations that have whole microseconds.
func Span(text string) (time.Duration, bool) {
	ns, ok := span(text, "s")
	switch {
	case !ok:
		return 0, false
	case !ns.IsInt64():
		return Infinity, true
	}
	return time.Duration(ns.Int64()), true
}

// span parses a time span (systemd.time(7)) into nanoseconds; a number alone is in the unit.
func span(text, unit string) (*big.Int, bool) {
	text = strings.Trim(text, " \t")
	if text == "infinity" {
		return new(big.Int).Lsh(big.NewInt(1), 80), true
	}
	sum := new(big.Int)
	for first := true; first || text != ""; first = false {
		digits := leading(text, true)
		point := digits < len(text) && text[digits] == '.'
		whole, ok := new(big.Int).SetString("0"+strings.TrimPrefix(text[:digits], "+"), 10)
		rest, fraction := text[digits:], ""
		if point {
			fraction = rest[1 : 1+leading(rest[1:], false)]
			rest = rest[1+len(fraction):]
			digits += len(fraction)
			ok = ok && fraction != ""
		}
		if !ok || digits == 0 || !whole.IsInt64() {
			return nil, false
		}
		after := strings.TrimLeft(rest, " \t")
		ns, length := unitOf(after, unit == "ns")
		if length == 0 {
			ns, _ = unitOf(unit, true)
			if after == rest && after != "" {
				return nil, false
			}
		}
		sum.Add(sum, whole.Mul(whole, big.NewInt(ns)))
		if part, ok := new(big.Int).SetString(fraction, 10); ok {
			tenths := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(len(fraction))), nil)
			sum.Add(sum, part.Div(part.Mul(part, big.NewInt(ns)), tenths))
		}
		text = strings.TrimLeft(after[length:], " \t")
	}
	return sum, true
}

// isSpan accepts a time span.
func isSpan(v *value, _ string) {
	unit := "s"
	if v.kind == "nanoseconds" {
		unit = "ns"
	}
	length, ok := span(v.text, unit)
	switch {
	case !ok:
		fix := "Write a number with a unit, as in 5min 20s."
		if strings.EqualFold(v.text, "never") || strings.EqualFold(v.text, "unlimited") || v.text == "-1" {
			fix = "Write infinity."
		}
		v.fault(v.text, "is not a time span", fix)
	case v.arg == "finite" && v.text == "infinity":
		v.fault(v.text, "is not a length of time", "Write a number with a unit, as in 5min 20s.")
	case v.arg == "positive" && (v.text == "infinity" || length.Cmp(big.NewInt(1e9)) < 0):
		v.fault(v.text, "is not a time span of at least a second", "")
	}
}

var (
	shorthands = map[string]bool{
		"minutely": true, "hourly": true, "daily": true, "monthly": true, "weekly": true, "yearly": true, "annually": true, "anually": true,
		"quarterly": true, "biannually": true, "bi-annually": true, "semiannually": true, "semi-annually": true,
	}
	weekdays = `(?:monday|mon|tuesday|tue|wednesday|wed|thursday|thu|friday|fri|saturday|sat|sunday|sun)`
	weekday  = regexp.MustCompile(`(?i)^` + weekdays + `(?:(?:\.\.|-)` + weekdays + `)?(?:,` + weekdays + `(?:(?:\.\.|-)` + weekdays + `)?)*,?(?: +|$)`)
	dateForm = regexp.MustCompile(`^(?:([^-~]+)-)?([^-~]+)([-~])([^-~]+)$`)
	element  = regexp.MustCompile(`^([0-9]+(?:\.[0-9]{1,6})?)(?:\.\.([0-9]+(?:\.[0-9]{1,6})?))?(?:/([0-9]+(?:\.[0-9]{1,6})?))?$`)
	anyEvery = regexp.MustCompile(`^\*(?:/([0-9]+(?:\.[0-9]{1,6})?))?$`)
	epoch    = regexp.MustCompile(`^@[0-9]+$`)
)

// field reports whether a text is a valid part of a calendar event: a list of numbers,
// ranges and repetitions.
func field(text string, from, to float64, seconds bool) bool {
	if m := anyEvery.FindStringSubmatch(text); m != nil {
		return m[1] == "" || strings.Trim(m[1], "0.") != "" && (seconds || !strings.Contains(m[1], "."))
	}
	for _, part := range strings.Split(text, ",") {
		m := element.FindStringSubmatch(part)
		if m == nil || !seconds && strings.Contains(strings.Replace(part, "..", "", 1), ".") {
			return false
		}
		for _, number := range m[1:3] {
			n, err := strconv.ParseFloat(number, 64)
			if number == "" {
				continue
			}
			if from == 1970 && n < 100 { // a year of two digits
				n += 1900
				if n < 1970 {
					n += 100
				}
			}
			if err != nil || n < from || n > to {
				return false
			}
		}
		start, _ := strconv.ParseFloat(m[1], 64)
		if end, err := strconv.ParseFloat(m[2], 64); err == nil && end < start {
			return false
		}
		if m[3] != "" && strings.Trim(m[3], "0.") == "" {
			return false
		}
	}
	return true
}

func isDate(text string) bool {
	m := dateForm.FindStringSubmatch(text)
	return m != nil && (m[1] == "" || field(m[1], 1970, 2199, false)) && field(m[2], 1, 12, false) && field(m[4], 1, 31, false)
}

func isTime(text string) bool {
	parts := strings.Split(text, ":")
	if len(parts) < 2 || len(parts) > 3 || !field(parts[0], 0, 23, false) || !field(parts[1], 0, 59, false) {
		return false
	}
	return len(parts) == 2 || field(parts[2], 0, 59.999999, true)
}

// isCalendar accepts a calendar event (systemd.time(7), "Calendar Events").
func isCalendar(v *value, _ string) {
	text, ok := v.expand(v.text)
	if !ok || calendar(text) {
		return
	}
	fix := "Write one as in Mon..Fri *-*-* 03:00:00 or daily; systemd-analyze calendar shows what it means."
	parts := strings.Fields(text)
	if last := parts[len(parts)-1]; strings.Contains(last, "/") || len(parts) > 1 {
		if near := directives.Nearest(last, strings.Split(zonesTable, "\n")); near != "" && near != last {
			fix = "Did you mean the time zone " + near + "?"
		}
	}
	v.fault(v.text, "is not a calendar event", fix)
}

func calendar(text string) bool {
	parts := strings.Fields(text)
	// A time zone comes last.
	if last := len(parts) - 1; last > 0 && isZone(parts[last]) {
		parts = parts[:last]
	}
	if len(parts) == 0 {
		return false
	}
	if len(parts) == 1 && (shorthands[strings.ToLower(parts[0])] || epoch.MatchString(parts[0])) {
		return true
	}
	text = strings.Join(parts, " ")
	days := weekday.FindString(text)
	rest := strings.TrimPrefix(text, days)
	if backwards(days) {
		return false
	}
	date, clock, both := strings.Cut(rest, " ")
	switch {
	case rest == "":
		return true
	case both:
		return isDate(date) && isTime(clock)
	}
	return isDate(rest) || isTime(rest)
}

// backwards reports whether a range of weekdays ends before it starts.
func backwards(days string) bool {
	for _, part := range strings.Split(strings.TrimRight(strings.ToLower(days), " ,"), ",") {
		from, to, isRange := strings.Cut(strings.Replace(part, "..", "-", 1), "-")
		if isRange && strings.Index(week, from[:3]) > strings.Index(week, to[:3]) {
			return true
		}
	}
	return false
}

const week = "montuewedthufrisatsun"
