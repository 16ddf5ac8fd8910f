package check

import (
	"fmt"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
)

// Rating lists the exposure of a service under each profile, the tightest profile first.
type Rating struct {
	Unit     string    `json:"unit"`
	Profiles []Profile `json:"profiles"`
}

// Profile is a profile's name and an estimate of the "systemd-analyze security" rating of a service
// attached with it, from 0 (tightest) to 10.
type Profile struct {
	Name     string  `json:"name"`
	Exposure float64 `json:"exposure"`
}

// String is "trusted 0.2, strict 0.4, …".
func (r Rating) String() string {
	var all []string
	for _, p := range r.Profiles {
		all = append(all, fmt.Sprintf("%s %.1f", p.Name, p.Exposure))
	}
	return r.Unit + ": " + strings.Join(all, ", ")
}

// ratings rates all services.
func (img *Image) ratings() []Rating {
	var all []Rating
	for _, u := range img.of("service") {
		r := Rating{Unit: u.Name}
		for _, profile := range directives.Profiles() {
			r.Profiles = append(r.Profiles, Profile{profile, u.exposure(directives.Profile(profile))})
		}
		slices.SortStableFunc(r.Profiles, func(a, b Profile) int { return int(1000*a.Exposure) - int(1000*b.Exposure) })
		all = append(all, r)
	}
	return all
}

// switches are restricting directives and their weights in systemd-analyze.
var switches = map[string]int{
	"LockPersonality": 100, "MemoryDenyWriteExecute": 100, "NoNewPrivileges": 1000, "PrivateDevices": 1000, "PrivateNetwork": 2500, "PrivateTmp": 1000,
	"PrivateUsers": 1000, "ProtectClock": 1000, "ProtectControlGroups": 1000, "ProtectHome": 1000, "ProtectHostname": 50, "ProtectKernelLogs": 1000,
	"ProtectKernelModules": 1000, "ProtectKernelTunables": 1000, "ProtectProc": 1000, "ProtectSystem": 1000, "RemoveIPC": 100, "RestrictNamespaces": 4100,
	"RestrictRealtime": 500, "RestrictSUIDSGID": 1000, "SystemCallArchitectures": 1000,
}

// capabilities, families and calls are the weights of groups in lists. Each group counts once.
var capabilities, families, calls = map[string]int{
	"SYS_ADMIN": 1500, "SETUID SETGID SETPCAP": 1500, "SYS_PTRACE": 1500, "SYS_TIME": 1000, "NET_ADMIN": 1000, "SYS_RAWIO": 1000, "SYS_MODULE": 1000,
	"AUDIT_CONTROL AUDIT_READ AUDIT_WRITE": 500, "SYSLOG": 500, "SYS_NICE SYS_RESOURCE": 500, "MKNOD": 500, "CHOWN FSETID SETFCAP": 1000,
	"DAC_OVERRIDE DAC_READ_SEARCH FOWNER IPC_OWNER": 1000, "KILL": 500, "NET_BIND_SERVICE NET_BROADCAST NET_RAW": 500, "SYS_BOOT": 100,
	"MAC_ADMIN MAC_OVERRIDE": 100, "LINUX_IMMUTABLE": 75, "IPC_LOCK": 50, "SYS_CHROOT": 50, "BLOCK_SUSPEND": 25, "WAKE_ALARM": 25, "LEASE": 25,
	"SYS_TTY_CONFIG": 25, "SYS_PACCT": 25, "BPF": 25,
}, map[string]int{
	"INET INET6": 1500, "UNIX": 25, "NETLINK": 200, "PACKET": 1000, "other": 1250,
}, map[string]int{
	"swap": 1000, "obsolete": 250, "clock": 1000, "cpu-emulation": 250, "debug": 1000, "mount": 1000, "module": 1000, "raw-io": 1000, "reboot": 1000,
	"privileged": 700, "resources": 700,
}

// wholeRating is the sum for a service without any sandbox.
const wholeRating = 57_000

// exposure estimates the "systemd-analyze security" rating of a service under a profile.
func (u *Unit) exposure(profile []directives.Setting) float64 {
	var lines []directives.Setting
	for _, a := range u.Assignments {
		if a.Section == "Service" {
			lines = append(lines, directives.Setting{Name: a.Name, Value: a.Value})
		}
	}
	lines = append(lines, profile...)
	last := map[string]string{}
	for _, s := range lines {
		last[s.Name] = s.Value
	}
	on := func(name string) bool {
		is, ok := grammar.Bool(last[name])
		return is || !ok && last[name] != "" && last[name] != "default"
	}
	for _, implied := range []string{"NoNewPrivileges", "PrivateTmp", "RemoveIPC", "RestrictSUIDSGID"} {
		if on("DynamicUser") {
			last[implied] = "yes"
		}
	}
	sum := 1000 // the part that no profile changes
	for name, weight := range switches {
		if !on(name) {
			sum += weight
		}
	}
	if user := last["User"]; !on("DynamicUser") && (user == "" || user == "root" || user == "0") {
		sum += 2000
	}
	if policy := last["DevicePolicy"]; policy != "closed" && policy != "strict" && !on("PrivateDevices") {
		sum += 1000
	}
	if last["IPAddressDeny"] == "" {
		sum += 1000
	}
	if last["AmbientCapabilities"] != "" {
		sum += 500
	}
	for directive, groups := range map[string]map[string]int{"CapabilityBoundingSet": capabilities, "RestrictAddressFamilies": families, "SystemCallFilter": calls} {
		given := allowed(lines, directive, groups)
		for group, weight := range groups {
			if slices.ContainsFunc(strings.Fields(group), func(name string) bool { return given[name] }) {
				sum += weight
			}
		}
	}
	return 10 * float64(sum) / wholeRating
}

// containedCalls maps groups of system calls to the rated groups with which they overlap.
var containedCalls = map[string]string{
	"system-service": "privileged resources", "privileged": "clock module raw-io reboot swap", "chown": "privileged", "setuid": "privileged",
	"known": "swap obsolete clock cpu-emulation debug mount module raw-io reboot privileged resources",
}

// allowed returns the members of groups that a list allows, as systemd joins its lines
// (systemd.exec(5)): the first line decides whether the list allows or forbids, and each further line
// adds to it or, inverted, removes from it.
func allowed(lines []directives.Setting, directive string, groups map[string]int) map[string]bool {
	given := map[string]bool{}
	all := func(is bool) {
		for group := range groups {
			for _, name := range strings.Fields(group) {
				given[name] = is
			}
		}
	}
	all(true)
	fresh := true
	for _, s := range lines {
		if s.Name != directive {
			continue
		}
		value, inverted := strings.CutPrefix(s.Value, "~")
		switch {
		case value == "" || value == "none":
			// Capabilities and families: nothing is left. Calls: all are.
			all((directive == "SystemCallFilter" || directive == "RestrictAddressFamilies" && value == "") != inverted)
			fresh = directive != "CapabilityBoundingSet" && value == ""
			continue
		case fresh && !inverted:
			all(false)
		}
		fresh = false
		for _, word := range strings.Fields(value) {
			name := strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(word, "CAP_"), "AF_"), "@")
			name, _, _ = strings.Cut(name, ":")
			members := append(strings.Fields(containedCalls[name]), name)
			for _, member := range members {
				if _, known := given[member]; !known && directive == "RestrictAddressFamilies" {
					member = "other"
				}
				given[member] = !inverted
			}
		}
	}
	return given
}
