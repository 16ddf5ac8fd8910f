package check

import (
	"path"
	"regexp"
	"slices"
	"strings"
)

// killWord matches a command that sends a signal.
var killWord = regexp.MustCompile(`\bp?kill(all)?\s`)

// signalOption matches kill(1)'s options for a signal: -HUP, -1, -s HUP, --signal=HUP.
var signalOption = regexp.MustCompile(`(?:^|\s)(?:-s\s*|--signal[= ]|-)(?:SIG)?([A-Z][A-Z0-9+-]*|[0-9]+)(?:\s|$)`)

// numbers maps the usual numbers of signals to names (signal(7)).
var numbers = map[string]string{"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM"}

// killFix describes how systemd itself can send the signal that a command sends. It is empty for
// other commands.
func (c command) killFix() string {
	line := strings.Join(c.args, " ")
	switch base := path.Base(c.path); {
	case slices.Contains([]string{"kill", "pkill", "killall"}, base):
	case (base == "env" || slices.Contains(shells, base)) && killWord.MatchString(line):
	default:
		return ""
	}
	signal := "TERM"
	if found := signalOption.FindStringSubmatch(line); found != nil {
		signal = found[1]
	}
	if name, ok := numbers[signal]; ok {
		signal = name
	}
	signal = "SIG" + signal
	switch c.Name {
	case "ExecReload", "ExecReloadPost":
		return "Remove the line: systemctl kill --signal=" + signal + " " + c.unit.Name + " sends the signal. " +
			"If the program sends RELOADING=1 and READY=1 (sd_notify(3)), Type=notify-reload with ReloadSignal=" + signal + " makes systemctl reload send it (systemd 253)."
	case "ExecStop", "ExecStopPost":
		if signal == "SIGTERM" {
			return "Remove the line: systemd sends SIGTERM by itself."
		}
		return "Write KillSignal=" + signal + " instead of the line: systemd sends the signal by itself."
	}
	return ""
}
