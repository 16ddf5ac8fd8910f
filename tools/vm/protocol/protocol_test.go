package protocol

import (
	"reflect"
	"strings"
	"testing"
)

func TestRecord(t *testing.T) {
	want := Record{Event: PowerCutEvent, Next: &Stage{Run: "^TestA$", Value: "17"}}
	line := strings.TrimSpace(want.Line())
	got, ok, err := ParseRecord(line)
	if !ok || err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, %v", got, ok, err)
	}
	if _, ok, err := ParseRecord("=== RUN TestA"); ok || err != nil {
		t.Errorf("text is taken for a record (%v)", err)
	}
	if _, ok, err := ParseRecord(line[:len(line)-3]); !ok || err == nil {
		t.Errorf("half a record is no error (%v)", ok)
	}
}

func TestOrder(t *testing.T) {
	want := Order{Port: "/dev/ttyS1", Seconds: 60, Stage: Stage{Run: "a b\"c", Value: "="}}
	got, err := ParseCommandLine("console=ttyS0 " + want.Parameter() + " quiet\n")
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, line := range []string{"", "quiet", "vm.order=!", "vm.order=bm8"} {
		if _, err := ParseCommandLine(line); err == nil {
			t.Errorf("%q: no error", line)
		}
	}
}
