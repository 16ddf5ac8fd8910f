package grammar

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// integer reads a number as C does: 0x10 is hexadecimal, 010 octal.
func integer(text string) (int64, bool) {
	text = strings.TrimLeft(text, " \t")
	n, err := strconv.ParseInt(text, 0, 64)
	return n, err == nil && !strings.Contains(text, "_")
}

// isNumber accepts an integer between the argument's two.
func isNumber(v *value, _ string) {
	low, high, _ := strings.Cut(v.arg, " ")
	from, _ := strconv.ParseInt(low, 10, 64)
	to, _ := strconv.ParseInt(high, 10, 64)
	if n, ok := integer(v.text); !ok || n < from || n > to {
		v.fault(v.text, fmt.Sprintf("is not a number from %s to %s", low, high), "")
	}
}

// isMode accepts an octal access mode (chmod(2)).
func isMode(v *value, _ string) {
	if n, err := strconv.ParseUint(v.text, 8, 64); err != nil || n > 0o7777 || strings.Contains(v.text, "_") {
		v.fault(v.text, "is not an octal access mode", "Write digits, as in 0755.")
	}
}

var sizeUnits = []string{"E", "P", "T", "G", "M", "K", "B", ""}

// size reads a size in bytes, to the base of 1024 (systemd.resource-control(5)):
// numbers, each with a smaller unit than the one before.
func size(text string) (*big.Int, bool) {
	sum, unit := new(big.Int), 0
	for first := true; first || text != ""; first = false {
		text = strings.TrimLeft(text, " \t")
		digits := text[:leading(text, true)]
		whole, ok := new(big.Int).SetString(strings.TrimPrefix(digits, "+"), 10)
		if !ok {
			return nil, false
		}
		rest := text[len(digits):]
		if fraction, ok := strings.CutPrefix(rest, "."); ok {
			rest = fraction[leading(fraction, false):]
		}
		text = strings.TrimLeft(rest, " \t")
		for unit < len(sizeUnits) && !strings.HasPrefix(text, sizeUnits[unit]) {
			unit++
		}
		if unit == len(sizeUnits) {
			return nil, false
		}
		text = text[len(sizeUnits[unit]):]
		if exponent := 6 - unit; exponent > 0 {
			whole.Lsh(whole, uint(10*exponent))
		}
		sum.Add(sum, whole)
		unit++
	}
	return sum, sum.IsUint64()
}

// leading returns how many digits a text starts with. If allowed, a plus before them counts.
func leading(text string, plus bool) int {
	i := 0
	if plus && strings.HasPrefix(text, "+") {
		i++
	}
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return i
}

const sizeFix = "Write bytes, or a number with K, M, G or T, as in 512M."

// sizeHint returns a fix for sizes in other programs' notation.
func sizeHint(text string) string {
	if short := strings.TrimSuffix(strings.TrimSuffix(strings.ToUpper(text), "B"), "I"); short != text {
		if _, ok := size(short); ok {
			return "Write " + short + "."
		}
	}
	return sizeFix
}

func isSize(v *value, _ string) {
	if _, ok := size(v.text); !ok {
		v.fault(v.text, "is not a size", sizeHint(v.text))
	} else if _, ok := integer(v.text); !ok && v.name == "MessageQueueMessageSize" {
		v.since(262, 257)
	}
}

var percentPattern = regexp.MustCompile(`^\+?([0-9]+)(?:\.([0-9]{1,2}))?%$|^\+?([0-9]+)(?:\.[0-9])?‰$|^\+?([0-9]+)‱$`)

// finePercent matches percentages that older versions do not accept.
var finePercent = regexp.MustCompile(`\.[0-9]{2}%$|\.[0-9]+‰$|‱$`)

// percent returns a percentage in parts of ten thousand.
func percent(text string) (int64, bool) {
	m := percentPattern.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	for i, factor := range map[int]int64{1: 100, 3: 10, 4: 1} {
		if m[i] != "" {
			n, err := strconv.ParseInt(m[i], 10, 32)
			n *= factor
			if i == 1 && m[2] != "" {
				fraction, _ := strconv.ParseInt((m[2] + "0")[:2], 10, 32)
				n += fraction
			}
			return n, err == nil && n <= math.MaxInt32
		}
	}
	return 0, false
}

// isPercent accepts 0% to 100%; if unbounded, any percentage above 0%.
func isPercent(v *value, _ string) {
	unbounded := v.arg == "unbounded"
	n, ok := percent(v.text)
	if !ok || unbounded && n == 0 || !unbounded && n > 10000 {
		fix := "Write a percentage, as in 50%."
		if _, ok := percent(v.text + "%"); ok {
			fix = "Write " + v.text + "%."
		}
		v.fault(v.text, "is not a percentage", fix)
	} else if finePercent.MatchString(v.text) {
		v.since(252, 247)
	}
}

// isMemory accepts a size, a percentage of the host's memory, or "infinity"
// (systemd.resource-control(5)). The argument is the minimum.
func isMemory(v *value, _ string) {
	if v.text == "infinity" {
		return
	}
	n, ok := percent(v.text)
	if ok = ok && n <= 10000; !ok {
		var bytes *big.Int
		if bytes, ok = size(v.text); ok {
			n = 1
			if bytes.Sign() == 0 {
				n = 0
			}
			ok = bytes.Uint64() < math.MaxUint64
		}
	}
	switch {
	case !ok:
		v.fault(v.text, "is neither a size, a percentage nor infinity", sizeHint(v.text))
	case finePercent.MatchString(v.text):
		v.since(252, 247)
	case n == 0 && v.arg == "1":
		v.fault(v.text, "would leave no memory at all", sizeFix)
	}
}

// isTasks accepts a number, a percentage or "infinity" (systemd.resource-control(5)).
func isTasks(v *value, _ string) {
	n, err := strconv.ParseUint(strings.TrimPrefix(v.text, "+"), 0, 64)
	parts, ok := percent(v.text)
	if v.text != "infinity" && (err != nil || n == 0 || n == math.MaxUint64) && (!ok || parts > 10000) {
		v.fault(v.text, "is neither a number, a percentage nor infinity", "")
	}
}

// isQuota accepts a size, a percentage or "off" (systemd.exec(5)).
func isQuota(v *value, _ string) {
	n, ok := percent(v.text)
	if ok && n <= 10000 || v.text == "off" {
		return
	}
	if _, ok := size(v.text); !ok {
		v.fault(v.text, "is neither a size nor a percentage", sizeHint(v.text))
	}
}

// isWeight accepts 1 to 10000, or a word (systemd.resource-control(5)).
func isWeight(v *value, set string) {
	if n, ok := integer(v.text); (!ok || n < 1 || n > 10000) && !v.isWord(set, v.text) {
		v.fault(v.text, "is not a weight from 1 to 10000", "")
	}
}

var ranges = regexp.MustCompile(`[ \t,]+`)

// isCPUs accepts numbers and ranges of them, or a word (systemd.exec(5)).
func isCPUs(v *value, _ string) {
	text, ok := v.expand(v.text)
	if strings.Contains(v.text, "%") && v.name == "NUMAMask" {
		v.since(262, 257)
	} else if strings.Contains(v.text, "%") {
		v.since(252, 247)
	}
	if !ok || text == v.arg {
		return
	}
	for _, part := range ranges.Split(strings.Trim(text, " \t,"), -1) {
		low, high, isRange := strings.Cut(part, "-")
		from, ok := integer(low)
		to := from
		if isRange && ok {
			to, ok = integer(high)
		}
		if part != "" && (!ok || from < 0 || to > 8191 || to < from) {
			v.fault(part, "is not a number or range of numbers", "Write numbers and ranges, as in 0-3,8.")
			return
		}
	}
}

// isTOS accepts a number or a word (ip(7)).
func isTOS(v *value, set string) {
	if n, ok := integer(v.text); (!ok || n < 0 || n > 255) && !v.isWord(set, v.text) {
		v.fault(v.text, "is neither a number from 0 to 255 nor one of "+strings.Join(words(set), ", "), "")
	}
}

var limitKinds = map[string]func(string) (*big.Int, bool){
	"size": size,
	"count": func(text string) (*big.Int, bool) {
		n, err := strconv.ParseUint(strings.TrimPrefix(text, "+"), 0, 64)
		return new(big.Int).SetUint64(n), err == nil && !strings.Contains(text, "_")
	},
	"seconds":      func(text string) (*big.Int, bool) { return span(text, "s") },
	"microseconds": func(text string) (*big.Int, bool) { return span(text, "us") },
	"nice": func(text string) (*big.Int, bool) {
		n, ok := integer(text)
		if ok && strings.ContainsAny(text[:1], "+-") {
			return big.NewInt(20 - n), -20 <= n && n <= 19
		}
		return big.NewInt(n), ok && 0 <= n && n <= 40
	},
}

// isLimit accepts SOFT:HARD, or one value for both (systemd.exec(5), "Process Properties"), in the
// unit of the argument.
func isLimit(v *value, _ string) {
	soft, hard, both := strings.Cut(v.text, ":")
	if !both {
		hard = soft
	}
	var numbers []*big.Int
	for _, text := range []string{soft, hard} {
		n, ok := limitKinds[v.arg](text)
		if text == "infinity" && v.arg != "nice" {
			n, ok = new(big.Int).SetUint64(math.MaxUint64), true
		}
		if !ok {
			fix := "Write a number, SOFT:HARD, or infinity."
			if text == "unlimited" {
				fix = "Write infinity."
			} else if v.arg == "size" {
				fix = sizeHint(text)
			}
			v.fault(v.text, "is not a limit", fix)
			return
		}
		numbers = append(numbers, n)
	}
	if numbers[0].Cmp(numbers[1]) > 0 {
		v.fault(v.text, "has a soft limit that is higher than the hard one", "Write SOFT:HARD, with the lower number first.")
	}
}
