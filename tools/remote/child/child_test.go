package child

import (
	"os/exec"
	"strings"
	"testing"
)

func TestStop(t *testing.T) {
	p, err := Start("sleep", exec.Command("sleep", "60"), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("of what has ended: %v", err)
	}
}

func TestEndedAtOnce(t *testing.T) {
	p, err := Start("false", exec.Command("false"), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	<-p.Done
	if err := p.EndedAtOnce(); !strings.Contains(err.Error(), "false ended at once: exit status 1") {
		t.Errorf("got %v", err)
	}
}
