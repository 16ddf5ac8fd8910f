package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/runfile"
	"example.org/portable-walkthrough-go/tools/vm/machine"
)

// A consoles is what the rule vm_console writes.
type consoles struct {
	Machines []machine.Machine `json:"machines"`
	// Files, by their names below /vm/files.
	Files map[string]string `json:"files"`
}

// console gives a shell in one of several machines.
func console() error {
	path, err := runfile.Path("VM_CONSOLE")
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all consoles
	if err := json.Unmarshal(text, &all); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var names []string
	for _, m := range all.Machines {
		names = append(names, m.Suite)
	}
	wanted := flag.String("suite", names[0], "one of "+strings.Join(names, ", "))
	flag.Parse()
	for name, location := range all.Files {
		if all.Files[name], err = runfiles.Rlocation(location); err != nil {
			return err
		}
	}
	for _, m := range all.Machines {
		if m.Suite != *wanted {
			continue
		}
		if err := resolveMachine(&m); err != nil {
			return err
		}
		fmt.Printf("Booting %s; a shell comes in some seconds. Ctrl-D there, or Ctrl-A X, ends it.\n", m.Suite)
		return m.Console(context.Background(), all.Files, welcome, kvm(&m))
	}
	return fmt.Errorf("no suite %q; there are %s", *wanted, strings.Join(names, ", "))
}

const welcome = `
This is a virtual machine with systemd. What there is to play with is in this
directory. Ctrl-D ends it, and so does Ctrl-A X.

  portablectl attach ./portable-walkthrough-go.raw
  systemctl start portable-walkthrough-go.socket
  curl localhost:8088

`
