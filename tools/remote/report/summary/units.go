package summary

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// size writes a number of bytes with three digits at most: "817 B", "5.9 MB".
func size(bytes int64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	value := float64(bytes)
	unit := 0
	for value >= 999.5 {
		value /= 1000
		unit++
	}
	digits := 0
	if value < 9.95 {
		digits = 1
	}
	return fmt.Sprintf("%.*f %cB", digits, value, " kMGTPE"[unit])
}

// span writes a duration: "12 ms", "9.8 s", "2 min 5 s".
func span(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < time.Minute-50*time.Millisecond:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	d = d.Round(time.Second)
	if d < time.Hour {
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
}

func percent(part, whole int) string {
	switch {
	case whole == 0:
		return ""
	case part > 0 && part*200 < whole:
		return "<1 %"
	case part < whole && part*200 > whole*199:
		return ">99 %"
	}
	return fmt.Sprintf("%d %%", (part*200+whole)/(2*whole))
}

// count writes "1 action", "2 actions".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "ss"); ok {
		return fmt.Sprintf("%d %ssses", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// cut shortens a text in its middle, where labels and paths say least.
func cut(text string, width int) string {
	n := utf8.RuneCountInString(text)
	if n <= width {
		return text
	}
	runes := []rune(text)
	if width < 5 {
		return string(runes[:width])
	}
	head := (width - 1) / 3
	return string(runes[:head]) + "…" + string(runes[n-(width-1-head):])
}
