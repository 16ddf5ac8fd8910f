package summary

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestLines(t *testing.T) {
	got := lines("input a/path/longer/than/a/line: one two", 12)
	if want := []string{"input a/path/longer/than/a/line:", "one two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestUnits(t *testing.T) {
	var got []string
	for _, bytes := range []int64{0, 999, 1000, 9949, 9950, 999499, 999500, 5_900_000, 123_456_789_012} {
		got = append(got, size(bytes))
	}
	for _, d := range []time.Duration{0, 999 * time.Millisecond, time.Second, 59_940 * time.Millisecond, 59_960 * time.Millisecond, 61 * time.Second, 3_725 * time.Second} {
		got = append(got, span(d))
	}
	for _, part := range []int{0, 1, 3, 500, 997, 1000} {
		got = append(got, percent(part, 1000))
	}
	got = append(got, percent(0, 0), count(1, "miss"), count(2, "miss"), count(0, "cause"), cut("//a/long/path:name", 11), cut("abc", 3))
	want := []string{
		"0 B", "999 B", "1.0 kB", "9.9 kB", "10 kB", "999 kB", "1.0 MB", "5.9 MB", "123 GB",
		"0 ms", "999 ms", "1.0 s", "59.9 s", "1 min 0 s", "1 min 1 s", "1 h 2 min",
		"0 %", "<1 %", "<1 %", "50 %", ">99 %", "100 %",
		"", "1 miss", "2 misses", "0 causes", "//a…th:name", "abc",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", fmt.Sprintf("%q", got), fmt.Sprintf("%q", want))
	}
}
