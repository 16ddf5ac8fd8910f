package lifecycle

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// most is how many lines of a journal an explanation quotes.
const most = 15

// explain says of units that are not as they should be what systemd knows of them, what
// they logged, and the fix if the cause is known.
func explain(names ...string) string {
	var text strings.Builder
	for _, name := range names {
		u, err := show(name)
		if err != nil {
			fmt.Fprintln(&text, err)
			continue
		}
		fmt.Fprintf(&text, "systemd says of %s: %s\n", name, u.summary())
		journal := journalOf(name)
		if journal == "" {
			continue
		}
		lines := telling(journal)
		if len(lines) > most {
			lines = append([]string{fmt.Sprintf("(%d lines before these)", len(lines)-most)}, lines[len(lines)-most:]...)
		}
		fmt.Fprintf(&text, "journal of %s:\n", name)
		for _, line := range lines {
			fmt.Fprintf(&text, "  %s\n", line)
		}
		if fix := fix(name, u, journal); fix != "" {
			fmt.Fprintf(&text, "fix: %s\n", fix)
		}
	}
	return strings.TrimRight(text.String(), "\n")
}

// noise are systemd's lines that explain no failure.
var noise = regexp.MustCompile(`: (Consumed .* CPU time|Scheduled restart job|Deactivated successfully)`)

// telling returns a journal's lines without noise, and each once, as a service that is
// started again and again repeats itself.
func telling(journal string) (lines []string) {
	for line := range strings.Lines(journal) {
		line = strings.TrimRight(line, "\n")
		if !noise.MatchString(line) && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// journalOf returns what the unit logged, and what systemd logged of it, in this boot.
func journalOf(name string) string {
	_, _ = output("journalctl", "--sync")
	// Not --unit: it leaves out what systemd's child logs before it becomes the service, if
	// the child is gone before journald has looked at its control group.
	text, err := output("journalctl", "--no-pager", "--quiet", "--boot", "--output=cat", "UNIT="+name, "+", "_SYSTEMD_UNIT="+name)
	if err != nil {
		return fmt.Sprintf("journalctl: %v: %s", err, text)
	}
	return text
}

// summary is the unit's state in systemd's words.
func (u unit) summary() string {
	said := u["ActiveState"] + " (" + u["SubState"] + ")"
	if u["Result"] != "" {
		said += ", Result=" + u["Result"]
	}
	if u["ExecMainCode"] != "" && u["ExecMainCode"] != "0" {
		said += ", ExecMainStatus=" + u["ExecMainStatus"]
		if meaning := exits[u["ExecMainStatus"]]; meaning != "" && u["ExecMainCode"] == "1" {
			said += "/" + meaning
		}
	}
	if u["NRestarts"] != "" && u["NRestarts"] != "0" {
		said += ", NRestarts=" + u["NRestarts"]
	}
	if u["LoadState"] != "loaded" {
		said += ", LoadState=" + u["LoadState"] + " " + u["LoadError"]
	}
	return said
}

// exits are exit statuses by which systemd says that it could not start a service:
// systemd.exec(5), "Process Exit Codes".
var exits = map[string]string{
	"200": "CHDIR", "203": "EXEC", "216": "GROUP", "217": "USER", "218": "CAPABILITIES", "226": "NAMESPACE", "228": "SECCOMP",
	"238": "STATE_DIRECTORY", "239": "CACHE_DIRECTORY", "240": "LOGS_DIRECTORY", "241": "CONFIGURATION_DIRECTORY",
}

// statusFixes are for these exit statuses.
var statusFixes = map[string]string{
	"200": "the image does not have the directory that WorkingDirectory= names: declare it with directories of the image",
	"203": "the image does not have the program that ExecStart= names, or it is not executable, or it is for another CPU or lacks its dynamic loader: build the image with --output_groups=manifest and compare",
	"216": "the machine does not have the group that Group= names: use DynamicUser=yes, or create it with setup",
	"217": "the machine does not have the user that User= names: use DynamicUser=yes, or create it with setup",
	"226": "systemd has to mount something where the image has no mount point; the line above names it: declare it with directories or empty_files of the image",
}

// A cause is known by what the journal says.
type cause struct {
	says *regexp.Regexp
	// fix may refer to groups of says as $1; UNIT is the unit's name.
	fix string
}

var causes = []cause{
	{
		regexp.MustCompile(`(/var/(?:lib|cache|log)/([^/\s"':]+)[^\s"':]*)["']?: (?i:no such file or directory|read-only file system|permission denied)`),
		"the service wants $1, which is not there or not writable: add StateDirectory=$2 (or CacheDirectory=, LogsDirectory=) to [Service] of UNIT, which also gives the image its mount point",
	},
	{
		regexp.MustCompile(`(?i)read-only file system`),
		"an image is read-only: write below $$STATE_DIRECTORY, which StateDirectory= in [Service] of UNIT sets",
	},
	{
		regexp.MustCompile(`status=31/SYS`),
		"the service used a system call that SystemCallFilter= of UNIT or of the profile forbids: allow it there, or attach with another profile",
	},
	{
		regexp.MustCompile(`(?i)out of memory|oom-kill`),
		"the machine ran out of memory: raise memory of the test, or MemoryMax= of UNIT",
	},
}

// inUse is how systemd and services report an address that somebody else has; the first
// group, if there is one, is the address or the port.
var inUse = regexp.MustCompile(`(?i)listening socket \(([^)]+)\)|:(\d+): bind: address already in use|address already in use`)

// fix returns how to fix what is wrong with a unit, or nothing if the cause is unknown.
func fix(name string, u unit, journal string) string {
	if match := inUse.FindStringSubmatch(journal); match != nil {
		return owner(match[1]+match[2], name) + "; stop it, or change the address of " + name
	}
	for _, c := range causes {
		if at := c.says.FindStringSubmatchIndex(journal); at != nil {
			return strings.ReplaceAll(string(c.says.ExpandString(nil, c.fix, journal, at)), "UNIT", name)
		}
	}
	if said := statusFixes[u["ExecMainStatus"]]; said != "" && u["ExecMainCode"] == "1" {
		return said
	}
	switch {
	case u["Result"] == "timeout" && (u["Type"] == "notify" || u["Type"] == "notify-reload"):
		return fmt.Sprintf("%s has Type=%s but did not send READY=1 within %s (sd_notify(3)): send it when the service is ready, or use Type=exec", name, u["Type"], u["TimeoutStartUSec"])
	case u["Result"] == "timeout":
		return "the service did not start or stop in time: see TimeoutStartSec= and TimeoutStopSec= of " + name
	case u["Result"] == "watchdog":
		return "the service did not send WATCHDOG=1 within WatchdogSec= of " + name
	case u["NRestarts"] != "" && u["NRestarts"] != "0":
		return "the service exits soon after each start, and Restart=" + u["Restart"] + " starts it again: its own words above say why it exits"
	}
	return ""
}

// owner names the socket units that listen on an address which a unit wants.
func owner(address, name string) string {
	wanted := address[strings.LastIndex(address, ":")+1:]
	text, err := output("systemctl", "list-sockets", "--no-legend", "--no-pager")
	if err != nil {
		return text
	}
	var owners []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) >= 2 && fields[1] != name && fields[0][strings.LastIndex(fields[0], ":")+1:] == wanted {
			owners = append(owners, fields[1])
		}
	}
	if len(owners) == 0 {
		return "a process of the machine has the address " + address
	}
	return strings.Join(owners, " and ") + " of the machine listens on " + wanted + " already"
}
