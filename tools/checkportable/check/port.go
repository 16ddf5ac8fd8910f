package check

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var portChecks = []Check{
	{
		ID: "port-privileged", Severity: Warning, Host: StartFails,
		Finds: "a service listens on a port that it can't open",
		Why:   "Only processes with CAP_NET_BIND_SERVICE on the host may open ports below 1024. The program gets \"permission denied\", and most programs then exit.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				why, otherwise := img.noLowPorts(u)
				if why == "" {
					continue
				}
				seen := map[int]bool{}
				report := func(a Assignment, text string) {
					for _, port := range lowPorts(text) {
						if seen[port] || img.handsOver(u, port) {
							continue
						}
						seen[port] = true
						f := at(a)
						f.Fix = fmt.Sprintf("Let a socket unit listen (ListenStream=%d) if the program supports socket activation; or choose a port from 1024 on. Or: %s.", port, otherwise)
						r.add(f, "%s= makes %s listen on port %d, which it can't open: %s", a.Name, u.Name, port, why)
					}
				}
				for _, c := range u.starts() {
					if !strings.Contains(c.prefixes, "+") {
						report(c.Assignment, strings.Join(c.args, " "))
					}
				}
				for _, a := range u.all("Service", "Environment") {
					report(a, a.Value)
				}
			}
		},
	},
}

// noLowPorts returns why a service can't open ports below 1024, and the fix. Both are empty if
// it can, or if another check reports that it can't.
func (img *Image) noLowPorts(u *Unit) (why, otherwise string) {
	for _, a := range u.all("Service", "AmbientCapabilities") {
		if slices.Contains(strings.Fields(strings.ToUpper(a.Value)), "CAP_NET_BIND_SERVICE") {
			return "", ""
		}
	}
	const capability = "AmbientCapabilities=CAP_NET_BIND_SERVICE"
	if u.has(img, "PrivateUsers") {
		who, without := u.setBy(img, "PrivateUsers")
		return who, without + ", and write " + capability
	}
	if user := u.value("Service", "User", "root"); u.has(img, "DynamicUser") || user != "root" && user != "0" {
		return "its user is not root", "Write " + capability
	}
	return "", ""
}

// Addresses without a host or with the one for all, which only listeners have; addresses in
// options for listeners; and options for a listener's port.
var (
	anyHost    = `(?:0\.0\.0\.0|\[::\]|\*)?`
	addresses  = regexp.MustCompile(`(?:^|[\s=,"'(])(?:(?:tcp|udp|https?)[46]?://)?` + anyHost + `:([0-9]{1,4})(?:$|[\s,"')/])`)
	listeners  = regexp.MustCompile(`(?i)(?:listen|bind)[a-z._-]*[\s=:]+["']?(?:(?:tcp|udp|https?)[46]?://)?(?:[0-9.]+|\[[0-9a-f:]+\]|localhost)?:([0-9]{1,4})(?:$|[\s,"')/])`)
	portOption = regexp.MustCompile(`(?i)(?:^|\s)--?(?:(?:https?|listen|web|bind)[._-]?)?port[\s=]+([0-9]{1,4})(?:$|\s)`)
)

// lowPorts are the ports below 1024 that a command line or variables name to listen on.
func lowPorts(text string) []int {
	var all []int
	for _, pattern := range []*regexp.Regexp{addresses, listeners, portOption} {
		for _, match := range pattern.FindAllStringSubmatch(text, -1) {
			if port, err := strconv.Atoi(match[1]); err == nil && port > 0 && port < 1024 {
				all = append(all, port)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// handsOver reports whether a socket unit of the image hands the port over to the service.
func (img *Image) handsOver(service *Unit, port int) bool {
	return slices.ContainsFunc(img.of("socket"), func(u *Unit) bool {
		name, _ := u.activates()
		return name == service.Name && slices.ContainsFunc(u.all("Socket", "ListenStream", "ListenDatagram"), func(a Assignment) bool {
			return a.Value[strings.LastIndexByte(a.Value, ':')+1:] == strconv.Itoa(port)
		})
	})
}
