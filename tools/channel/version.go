package main

import (
	"cmp"
	"strings"
)

// compareVersions orders versions as systemd does: the UAPI Group's Version Format
// Specification.
func compareVersions(a, b string) int {
	for {
		a, b = trimSeparators(a), trimSeparators(b)
		// A tilde is before everything, even the end: 1~rc1 < 1.
		if order, done := special(&a, &b, '~', -1); done {
			return order
		} else if order == again {
			continue
		}
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
		// A hyphen, a caret and a dot are before what else may follow, in this order.
		next := false
		for _, sign := range []byte{'-', '^', '.'} {
			order, done := special(&a, &b, sign, -1)
			if done {
				return order
			}
			if order == again {
				next = true
				break
			}
		}
		if next {
			continue
		}
		isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
		if isDigit(rune(a[0])) || isDigit(rune(b[0])) {
			x, restA := span(a, isDigit)
			y, restB := span(b, isDigit)
			x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
			if order := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); order != 0 {
				return order
			}
			a, b = restA, restB
			continue
		}
		isLetter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
		x, restA := span(a, isLetter)
		y, restB := span(b, isLetter)
		if order := cmp.Compare(x, y); order != 0 {
			return order
		}
		a, b = restA, restB
	}
}

// again means: both had the sign, go on behind it.
const again = 2

// special compares by a character: a text that starts with it comes first.
func special(a, b *string, sign byte, first int) (order int, done bool) {
	x, y := strings.HasPrefix(*a, string(sign)), strings.HasPrefix(*b, string(sign))
	switch {
	case x && y:
		*a, *b = (*a)[1:], (*b)[1:]
		return again, false
	case x:
		return first, true
	case y:
		return -first, true
	}
	return 0, false
}

// trimSeparators leaves out characters that a version can't have.
func trimSeparators(text string) string {
	return strings.TrimLeftFunc(text, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("~-^.", r))
	})
}

func span(text string, is func(rune) bool) (head, rest string) {
	rest = strings.TrimLeftFunc(text, is)
	return text[:len(text)-len(rest)], rest
}
