package grammar

import (
	"math"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.org/portable-walkthrough-go/tools/unitfile"
)

// isListen accepts a socket's address (systemd.socket(5), ListenStream=).
func isListen(v *value, _ string) {
	text, ok := v.expand(v.text)
	if !ok {
		return
	}
	unix := strings.HasPrefix(text, "/") || strings.HasPrefix(text, "@")
	switch {
	case unix && (len(text) < 2 || len(text) > 107):
		v.fault(v.text, "is not the path of a socket with up to 107 bytes", "")
	case strings.HasPrefix(text, "/var/run/"):
		v.legacy(text)
	case unix:
	case v.arg == "unix":
		v.fault(v.text, "is not a path", "Write an absolute path, or @NAME.")
	case !isSocketAddress(text):
		fix := "Write PORT, ADDRESS:PORT, [ADDRESS]:PORT, vsock:CID:PORT, /PATH or @NAME."
		if host, port, ok := strings.Cut(text, ":"); ok && isPort(port) && regexp.MustCompile(`^[A-Za-z]`).MatchString(host) && host != "vsock" {
			fix = "Write an IP address: systemd looks up no host names. 127.0.0.1:" + port + " is this machine, " + port + " alone all addresses."
		} else if strings.HasPrefix(text, ":") && isPort(text[1:]) {
			fix = "Write " + text[1:] + "."
		}
		v.fault(v.text, "is not an address to listen on", fix)
	}
}

// isPort reports whether a text is a port's number in C's notation.
func isPort(text string) bool {
	n, ok := integer(text)
	return ok && 1 <= n && n <= 65535
}

func isSocketAddress(text string) bool {
	if rest, ok := strings.CutPrefix(text, "vsock:"); ok {
		return isVsock(rest)
	}
	for _, kind := range []string{"vsock-stream:", "vsock-dgram:", "vsock-seqpacket:"} {
		if rest, ok := strings.CutPrefix(text, kind); ok {
			return isVsock(rest)
		}
	}
	if rest, ok := strings.CutPrefix(text, "["); ok {
		address, port, ok := strings.Cut(rest, "]:")
		port, zone, scoped := strings.Cut(port, "%")
		ip, err := netip.ParseAddr(address)
		return ok && err == nil && ip.Is6() && isPort(port) && (!scoped || isInterfaceName(zone, true))
	}
	if at := strings.LastIndexByte(text, ':'); at >= 0 {
		ip, err := netip.ParseAddr(text[:at])
		return err == nil && ip.Is4() && isPort(text[at+1:])
	}
	return isPort(text)
}

func isVsock(rest string) bool {
	id, port, ok := strings.Cut(rest, ":")
	n, valid := integer(id)
	p, err := strconv.ParseUint(port, 0, 32)
	return ok && (id == "" || valid && 0 <= n && n < 1<<32) && err == nil && p <= 1<<32-1
}

var netlinkFamilies = []string{
	"route", "firewall", "inet-diag", "nflog", "xfrm", "selinux", "iscsi", "audit", "fib-lookup", "connector", "netfilter",
	"ip6-fw", "dnrtmsg", "kobject-uevent", "scsitransport", "rdma", "generic", "ecryptfs",
}

// isNetlink accepts a family of netlink(7), and a group.
func isNetlink(v *value, _ string) {
	text, ok := v.expand(v.text)
	if !ok {
		return
	}
	family, group, has, err := unitfile.Next(text, unitfile.Blanks, 0)
	n, number := integer(family)
	known := slices.Contains(netlinkFamilies, family) || number && 0 <= n && n <= math.MaxInt32
	if g, ok := integer(group); err != nil || !has || !known || group != "" && (!ok || g < 0) {
		v.fault(v.text, "is not a netlink family, alone or with a group", "Write one as in route or kobject-uevent 1.")
	}
}

// isPrefixes accepts addresses with or without a length, or words that stand for some
// (systemd.resource-control(5), IPAddressAllow=).
func isPrefixes(v *value, _ string) {
	for _, word := range v.words(0) {
		if slices.Contains([]string{"any", "localhost", "link-local", "multicast"}, word) {
			continue
		}
		address, length, has := strings.Cut(word, "/")
		ip, err := netip.ParseAddr(address)
		n, number := integer(length)
		if err != nil || ip.Zone() != "" || has && (!number || n < 0 || int(n) > ip.BitLen()) {
			v.fault(word, "is not an IP address, with or without a length", "Write ADDRESS, ADDRESS/LENGTH, any, localhost, link-local or multicast.")
		}
	}
}

var interfaceBad = "%:/"

// isInterfaceName reports whether a text is a network interface's name or alternative name.
func isInterfaceName(name string, numbers bool) bool {
	if _, err := strconv.ParseUint(name, 10, 64); err == nil {
		return numbers
	}
	if _, ok := integer(name); ok && !strings.HasPrefix(name, "-") {
		return false
	}
	return name != "" && len(name) < 128 && !slices.Contains([]string{".", "..", "all", "default"}, name) &&
		!strings.ContainsAny(name, interfaceBad) && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' })
}

func isInterface(v *value, _ string) {
	text, ok := v.expand(v.text)
	if ok && (!isInterfaceName(text, false) || len(text) > 15 && v.name == "BindToDevice") {
		v.fault(v.text, "is not a valid name of a network interface", "")
	} else if strings.Contains(v.text, "%") && v.name == "BindToDevice" || len(text) > 15 {
		v.since(262, 257)
	}
}

// isInterfaces accepts a list of interfaces, or all others after "~".
func isInterfaces(v *value, _ string) {
	list, err := unitfile.Split(strings.TrimPrefix(v.text, "~"), unitfile.Blanks, unitfile.Unquote)
	if err != nil {
		v.fault(v.text, "can't be split into words: "+err.Error(), "")
	}
	for _, word := range list {
		if !isInterfaceName(word, false) {
			v.fault(word, "is not a valid name of a network interface", "")
		} else if len(word) > 15 {
			v.since(257, 252)
		}
	}
}

// isBindRule accepts FAMILY:PROTOCOL:PORTS, of which only the ports are mandatory, or any
// (systemd.resource-control(5), SocketBindAllow=).
func isBindRule(v *value, _ string) {
	text, ok := v.expand(v.text)
	if !ok {
		return
	}
	parts := strings.Split(text, ":")
	at := 0
	if slices.Contains([]string{"ipv4", "ipv6"}, parts[at]) && at+1 < len(parts)+1 {
		at++
	}
	if at < len(parts) && slices.Contains([]string{"tcp", "udp"}, parts[at]) {
		at++
	}
	ports := parts[at:]
	if len(ports) == 1 && strings.HasPrefix(ports[0], "0") {
		v.since(257, 252)
	}
	if len(ports) > 1 || len(ports) == 1 && !isPorts(ports[0]) {
		v.fault(v.text, "is not a rule for ports", "Write FAMILY:PROTOCOL:PORTS, as in ipv4:tcp:8000-8100, or any.")
	}
}

func isPorts(text string) bool {
	if text == "any" {
		return true
	}
	from, to, isRange := strings.Cut(text, "-")
	low, ok := integer(from)
	high := low
	if isRange && ok {
		high, ok = integer(to)
	}
	return ok && 0 <= low && low <= high && high <= 65535
}

var bpfAttach = []string{
	"ingress", "egress", "sock_create", "sock_ops", "device", "bind4", "bind6", "connect4", "connect6", "post_bind4", "post_bind6",
	"sendmsg4", "sendmsg6", "sysctl", "recvmsg4", "recvmsg6", "getsockopt", "setsockopt",
}

// isBPFProgram accepts TYPE:PATH (systemd.resource-control(5)).
func isBPFProgram(v *value, _ string) {
	kind, name, ok := strings.Cut(v.text, ":")
	if !ok || !slices.Contains(bpfAttach, kind) {
		v.fault(v.text, "is not TYPE:PATH", "Write one as in egress:/sys/fs/bpf/name.")
		return
	}
	v.absolute(name)
}

var (
	nftFamilies = []string{"arp", "bridge", "inet", "ip", "ip6", "netdev"}
	nftName     = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9/\\_.]{0,254}$`)
)

// isNFTSet accepts SOURCE:FAMILY:TABLE:SET (systemd.resource-control(5)).
func isNFTSet(v *value, _ string) {
	for _, word := range v.words(unitfile.Unquote) {
		parts := strings.Split(word, ":")
		if len(parts) != 4 || !slices.Contains([]string{"cgroup", "user", "group"}, parts[0]) || !slices.Contains(nftFamilies, parts[1]) ||
			!nftName.MatchString(parts[2]) || !nftName.MatchString(parts[3]) {
			v.fault(word, "is not SOURCE:FAMILY:TABLE:SET", "Write one as in cgroup:inet:filter:services.")
		} else if max(len(parts[2]), len(parts[3])) > 31 {
			v.since(262, 257)
		}
	}
}
