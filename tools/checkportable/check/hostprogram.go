package check

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/spec"
)

// hostPrograms are programs that hosts have and images usually lack, with what replaces them in a unit
// (systemd.exec(5), systemd.service(5)). Packing some of them is another remedy.
var hostPrograms = []struct {
	names    []string
	fix      string
	packable bool
}{
	{[]string{"env"}, "Write the path of the program itself, and its variables as Environment= lines.", true},
	{makers, "Remove the command: systemd makes a service's directories and gives them to its user (StateDirectory=, CacheDirectory=, LogsDirectory=, RuntimeDirectory=).", false},
	{[]string{"rm", "rmdir"}, "Remove the command: systemd removes RuntimeDirectory= when the service stops.", true},
	{[]string{"sleep"}, "Remove the command: After= orders units, and RestartSec= delays a restart.", true},
	{[]string{"[", "test"}, "Write a condition instead, as in ConditionPathExists=, which the host evaluates; or let the program check it.", true},
	{[]string{"echo", "false", "logger", "printf", "true"}, "Remove the command.", true},
	{[]string{"systemctl", "systemd-notify"}, "Remove the command: units start and stop others with Wants=, Conflicts= and OnFailure=, and a program reports with sd_notify(3).", false},
	{[]string{"su", "sudo", "runuser", "setpriv"}, "Write the program itself, and its user as User= or DynamicUser=yes; a \"+\" before the path runs it as root.", false},
	{[]string{"chrt", "ionice", "nice", "prlimit", "taskset"}, "Write the program itself; Nice=, IOSchedulingClass=, CPUSchedulingPolicy=, CPUAffinity= and LimitNOFILE= set its limits.", false},
	{[]string{"daemon", "daemonize", "nohup", "setsid", "start-stop-daemon"}, "Write the program itself, so that it stays in the foreground: systemd runs it in the background.", false},
	{[]string{"timeout"}, "Write the program itself, and its limit as RuntimeMaxSec= or TimeoutStartSec=.", false},
	{[]string{"chroot", "unshare"}, "Write the program itself: the image is its root directory already.", false},
	{[]string{"modprobe"}, "Have the host load the module (modules-load.d(5)).", false},
	{[]string{"sysctl"}, "Have the host set the value (sysctl.d(5)).", false},
	{[]string{"ip", "iptables", "mount", "nft", "umount"}, "Have the host do it, in a unit of its own that this one is ordered after; or use BindPaths= for mounts.", false},
	{shells, "Write the commands themselves, one a line (ExecStartPre= for earlier ones).", true},
	{[]string{"java", "node", "perl", "php", "python", "python3", "ruby"}, "Pack the interpreter with its libraries, or use a compiled program.", false},
	{[]string{
		"awk", "base64", "basename", "cat", "cp", "curl", "cut", "date", "dd", "dirname", "find", "flock", "getent", "grep", "gunzip", "gzip", "head",
		"hostname", "id", "ln", "ls", "mktemp", "mv", "nc", "openssl", "readlink", "realpath", "sed", "sort", "tail", "tar", "tee", "tr", "wget", "xargs",
	}, "Do it in the program, or when the image is built.", true},
}

// makers are programs that prepare directories.
var makers = []string{"chgrp", "chmod", "chown", "install", "mkdir", "touch"}

// shellWords are what shells call commands, and no programs.
var shellWords = []struct {
	names []string
	fix   string
}{
	{[]string{"cd", "pushd"}, "Write WorkingDirectory= instead."},
	{[]string{"export", "set"}, "Write Environment= instead."},
	{[]string{"exec"}, "Remove the word: systemd starts the program without a shell."},
	{[]string{"ulimit"}, "Write LimitNOFILE= or another limit of systemd.exec(5) instead."},
	{[]string{"umask"}, "Write UMask= instead."},
	{[]string{".", "source"}, "Write Environment= lines instead; or EnvironmentFile=, for a file of the host."},
	{[]string{"for", "if", "until", "while"}, "Pack a shell and a script for it, or do it in the program."},
}

// programFix suggests what to do about a missing program.
func (img *Image) programFix(c command) string {
	if fix := c.killFix(); fix != "" {
		return fix
	}
	if strings.Contains(c.path, "$") {
		return "Write the path itself: systemd replaces no variables in the path of a program."
	}
	if e := img.spec.Find(c.path); e != nil && e.Type == spec.Symlink {
		return fmt.Sprintf("Pack %s, to which the symlink leads, or correct the symlink.", path.Join(path.Dir(e.Path), e.Target))
	}
	base := path.Base(c.path)
	programs := map[string]string{}
	for _, e := range img.programs {
		if !img.isLibrary(e) {
			programs[path.Base(e.Path)] = e.Path
		}
	}
	if program := programs[base]; program != "" {
		return "Write " + program + "."
	}
	if name, _, assigns := strings.Cut(c.path, "="); assigns && name != "" && !strings.Contains(name, "/") {
		return "Write Environment=" + c.path + " on a line of its own."
	}
	for _, word := range shellWords {
		if c.path == base && slices.Contains(word.names, base) {
			return word.fix
		}
	}
	for _, program := range hostPrograms {
		if !slices.Contains(program.names, base) {
			continue
		}
		fix := program.fix
		for _, arg := range c.args {
			if directive, below := directoryFor(arg); directive != "" && slices.Contains(makers, base) {
				fix = "Write " + directive + "=" + below + " instead of the command: systemd makes that directory and gives it to the service's user."
			}
		}
		if at := slices.IndexFunc(c.args, func(arg string) bool { return programs[path.Base(arg)] != "" }); base == "env" && at >= 0 {
			return "Write " + programs[path.Base(c.args[at])] + " instead of env, and its variables as Environment= lines. Or pack env."
		}
		if program.packable {
			fix += " Or pack " + base + "."
		}
		return fix
	}
	if near := nearest(base, slices.Sorted(maps.Keys(programs))); near != "" {
		return "Did you mean " + programs[near] + "?"
	}
	if len(programs) > 0 && len(programs) <= 5 {
		return "Declare it, or run one of the image's programs: " + strings.Join(slices.Sorted(maps.Values(programs)), ", ") + "."
	}
	return "Declare it, or correct the path."
}

// isLibrary reports whether a file is a shared library or a dynamic loader, which can be
// executable as well.
func (img *Image) isLibrary(e *spec.Entry) bool {
	base := path.Base(e.Path)
	return strings.HasPrefix(base, "ld-") && strings.Contains(base, ".so") || strings.HasPrefix(base, "ld.so") || strings.HasSuffix(base, ".so") || strings.Contains(base, ".so.") ||
		slices.ContainsFunc(img.programs, func(other *spec.Entry) bool {
			head := img.head(other).elf
			return head != nil && head.interp != "" && img.find(head.interp) == e
		})
}
