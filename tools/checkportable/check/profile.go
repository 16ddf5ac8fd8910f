package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
)

var profileChecks = []Check{
	{
		ID: "profile-defeats", Severity: Warning,
		Finds: "a unit's setting has no effect under the profile",
		Why:   "systemd reads the profile's drop-in after the unit, and its settings defeat the unit's.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				img.ambientInNamespace(r, u)
				img.hiddenDevices(r, u)
				img.noNetwork(r, u)
				img.hiddenHomes(r, u)
			}
		},
	},
	{
		ID: "profile-overrides", Severity: Note,
		Finds: "the profile overrides a value of the unit",
		Why:   "systemd reads the profile's drop-in after the unit.",
		Fix:   "Choose another profile, or make sure that the service works with the profile's value.",
		run: func(img *Image, r *reporter) {
			img.eachConflict(func(a Assignment, profile, value string) {
				if !adds(a.Name, value) {
					r.add(at(a), "%s=%s, but the profile %s sets %s=%s", a.Name, few(a.Value), profile, a.Name, few(value))
				}
			})
		},
	},
	{
		ID: "profile-extends", Severity: Note,
		Finds: "the profile adds to a list that the unit sets",
		Why:   "systemd reads the profile's drop-in after the unit and joins both lists, so the profile may allow more than the unit.",
		Fix:   "If that allows too much, choose the tightest profile: the report ends with an estimate for each.",
		run: func(img *Image, r *reporter) {
			img.eachConflict(func(a Assignment, profile, value string) {
				if adds(a.Name, value) {
					r.add(at(a), "%s=%s, to which the profile %s adds %s", a.Name, few(a.Value), profile, few(value))
				}
			})
		},
	},
}

// setBy describes what sets a boolean directive of a service, and how to unset it.
func (u *Unit) setBy(img *Image, name string) (who, without string) {
	if slices.ContainsFunc(img.profileSettings(), func(s directives.Setting) bool { return s.Name == name }) {
		return "the profile " + img.profile() + " sets " + name + "=yes",
			"Attach the image with --profile=trusted, and set profile = \"trusted\" for the checks"
	}
	return "the unit sets " + name + "=yes", "Remove " + name + "=yes"
}

// inNamespace are capabilities that are useful inside a private user namespace
// (user_namespaces(7)).
var inNamespace = []string{"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETFCAP", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE"}

// ambientInNamespace reports capabilities that have no effect on the host because of a user
// namespace.
func (img *Image) ambientInNamespace(r *reporter, u *Unit) {
	if !u.has(img, "PrivateUsers") {
		return
	}
	who, without := u.setBy(img, "PrivateUsers")
	for _, a := range u.all("Service", "AmbientCapabilities") {
		for _, word := range strings.Fields(a.Value) {
			name := strings.ToUpper(word)
			if strings.HasPrefix(name, "~") || slices.Contains(inNamespace, name) {
				continue
			}
			f := at(a)
			f.Fix = without + "."
			if name == "CAP_NET_BIND_SERVICE" {
				f.Fix = "Let a socket unit listen (ListenStream=80): systemd passes the socket to the service, which then needs no capability. Or: " + without + "."
			}
			r.add(f, "AmbientCapabilities=%s has no effect on the host: %s", word, who)
		}
	}
}

// commonDevices are in each /dev (systemd.exec(5), PrivateDevices=).
var commonDevices = []string{"/dev/full", "/dev/null", "/dev/ptmx", "/dev/random", "/dev/tty", "/dev/urandom", "/dev/zero"}

// hiddenDevices reports devices that a private /dev lacks.
func (img *Image) hiddenDevices(r *reporter, u *Unit) {
	if !u.has(img, "PrivateDevices") {
		return
	}
	who, without := u.setBy(img, "PrivateDevices")
	for _, a := range u.all("Service", "DeviceAllow") {
		device, _, _ := strings.Cut(a.Value, " ")
		if slices.Contains(commonDevices, device) || device == "char-pts" {
			continue
		}
		f := at(a)
		f.Fix = without + "."
		r.add(f, "DeviceAllow=%s has no effect: %s, which hides the device", device, who)
	}
}

// hidesHome reports whether ProtectHome=yes hides a path of a service: systemd drops all mounts below the
// directories that it makes inaccessible.
func (img *Image) hidesHome(u *Unit, name string) bool {
	return u.has(img, "ProtectHome") && slices.ContainsFunc([]string{"/home", "/root", "/run/user"}, func(home string) bool {
		return within(name, home) && name != home
	})
}

// hiddenHomes reports paths in home directories that a service can't reach.
func (img *Image) hiddenHomes(r *reporter, u *Unit) {
	who, without := u.setBy(img, "ProtectHome")
	for _, m := range u.ownMounts() {
		if m.Name != "InaccessiblePaths" && img.hidesHome(u, m.path) {
			f := at(m.Assignment)
			f.Fix = "Mount it elsewhere, for example at /srv/NAME. Or: " + without + "."
			r.add(f, "%s= does not mount at %s: %s, which hides that path", m.Name, m.path, who)
		}
	}
	for _, m := range u.requiredPaths() {
		if m.directive != "ReadWritePaths" && m.directive != "WorkingDirectory" || !img.hidesHome(u, m.path) {
			continue
		}
		f := at(m.Assignment)
		f.Fix = "Write another path, with BindPaths=" + m.path + ":/srv/NAME for one of the host's. Or: " + without + "."
		if m.directive == "WorkingDirectory" && !m.optional {
			f.Why = "The service fails to start with status=200/CHDIR."
		}
		r.add(f, "%s= has no effect on %s: %s, which hides that path", m.Name, m.path, who)
	}
}

// noNetwork reports services that wait for the network, although they have a private one.
func (img *Image) noNetwork(r *reporter, u *Unit) {
	own, ok := grammar.Bool(u.value("Service", "PrivateNetwork", "no"))
	if !u.has(img, "PrivateNetwork") || ok && own {
		return
	}
	who, _ := u.setBy(img, "PrivateNetwork")
	for _, a := range u.inEffect() {
		if a.Section == "Unit" && (a.Name == "Wants" || a.Name == "Requires") && slices.Contains(strings.Fields(a.Value), "network-online.target") {
			f := at(a)
			f.Fix = "Choose the profile default; or let a socket unit listen, and remove the line."
			r.add(f, "%s=network-online.target, but %s: the service sees no network", a.Name, who)
		}
	}
}

// lists are directives whose assignments add up.
var lists = []string{"CapabilityBoundingSet", "IPAddressDeny", "RestrictAddressFamilies", "SystemCallArchitectures", "SystemCallFilter"}

// adds reports whether a profile's value adds to a unit's; an empty one resets it.
func adds(name, value string) bool { return value != "" && slices.Contains(lists, name) }

// few shortens a list to fit on a line.
func few(value string) string {
	all := strings.Fields(value)
	if len(all) <= 5 {
		return value
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:4], " "), len(all)-4)
}

// profile returns the intended profile for attaching the image.
func (img *Image) profile() string { return cmp.Or(img.Options.Profile, "default") }

func (img *Image) profileSettings() []directives.Setting { return directives.Profile(img.profile()) }

// effective returns a service's value of a directive whose last assignment counts. The profile's
// assignments come after the unit's.
func (u *Unit) effective(img *Image, name string) string {
	for _, s := range slices.Backward(img.profileSettings()) {
		if s.Name == name {
			return s.Value
		}
	}
	return u.value("Service", name, "")
}

// has reports whether a boolean directive is on in a service, by its profile or by itself.
func (u *Unit) has(img *Image, name string) bool {
	is, ok := grammar.Bool(u.effective(img, name))
	return ok && is
}

// eachConflict visits the directives that a service and the intended profile set to different
// values.
func (img *Image) eachConflict(visit func(a Assignment, profile, value string)) {
	for _, u := range img.of("service") {
		for _, s := range img.profileSettings() {
			// Lists of paths add up without a conflict.
			if s.Name == "BindPaths" || s.Name == "BindReadOnlyPaths" {
				continue
			}
			for _, a := range slices.Backward(u.Assignments) {
				if a.Section == "Service" && a.Name == s.Name {
					if !sameValue(a.Value, s.Value) {
						visit(a, img.profile(), s.Value)
					}
					break
				}
			}
		}
	}
}

func sameValue(a, b string) bool {
	if x, ok := grammar.Bool(a); ok {
		if y, ok := grammar.Bool(b); ok {
			return x == y
		}
	}
	return slices.Equal(strings.Fields(a), strings.Fields(b))
}
