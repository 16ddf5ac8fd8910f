package check

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/tools/checkportable/directives"
	"example.org/portable-walkthrough-go/tools/checkportable/grammar"
	"example.org/portable-walkthrough-go/tools/spec"
)

var lifecycleChecks = []Check{
	{
		ID: "notify-never-sent", Severity: Warning, Host: StartFails,
		Finds: "Type=notify, but the program does not use $NOTIFY_SOCKET",
		Why:   "systemd waits for READY=1 until TimeoutStartSec= expires, and then stops the service.",
		Fix:   "Send READY=1 (go-systemd: daemon.SdNotify), or set Type=exec.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				a, ok := u.last("Service", "Type")
				if ok && strings.HasPrefix(a.Value, "notify") && u.value("Service", "NotifyAccess", "main") == "main" && img.lacks(u, "NOTIFY_SOCKET") {
					r.add(at(a), "Type=%s, but %s does not contain \"NOTIFY_SOCKET\"", a.Value, u.starts()[0].path)
				}
			}
		},
	},
	{
		ID: "notify-not-awaited", Severity: Note,
		Finds: "the program supports sd_notify, but the unit does not use it",
		Why:   "Units ordered after the service start before the service is ready.",
		Fix:   "Set Type=notify, if the program sends READY=1.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				kind := u.value("Service", "Type", "simple")
				_, access := u.last("Service", "NotifyAccess")
				if (kind == "simple" || kind == "exec") && !access && img.programHolds(u, "NOTIFY_SOCKET") {
					f := u.at()
					if a, ok := u.last("Service", "Type"); ok {
						f = at(a)
					}
					r.add(f, "Type=%s, but %s contains \"NOTIFY_SOCKET\"", kind, u.starts()[0].path)
				}
			}
		},
	},
	{
		ID: "watchdog-unanswered", Severity: Warning, Host: Killed,
		Finds: "WatchdogSec= is set, but the program does not support it",
		Why:   "systemd kills the service whenever the interval expires.",
		Fix:   "Send WATCHDOG=1 twice in the interval, or remove WatchdogSec=.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				a, ok := u.last("Service", "WatchdogSec")
				if span, valid := grammar.Span(a.Value); ok && valid && span > 0 && img.lacks(u, "WATCHDOG=1") {
					r.add(at(a), "WatchdogSec=%s, but %s does not contain \"WATCHDOG=1\"", a.Value, u.starts()[0].path)
				}
			}
		},
	},
	{
		ID: "restart-defeats-idle-exit", Severity: Error,
		Finds: "systemd restarts a service at once after it exits on idle",
		Why:   "systemd starts the service after each exit, even if there is no request.",
		Fix:   "Set Restart=on-failure: the socket starts the service when it is needed.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				a, ok := u.last("Service", "Restart")
				if _, says, idles := u.idleTimeout(); ok && idles && (a.Value == "always" || a.Value == "on-success") {
					r.add(at(a), "Restart=%s, but the command line has %s", a.Value, says)
				}
			}
		},
	},
	{
		ID: "start-limit-below-idle", Severity: Error, Host: StartFails,
		Finds: "systemd mistakes exits on idle for a crash loop",
		Why:   "After StartLimitBurst= starts in StartLimitIntervalSec= systemd fails the service, and its socket with it.",
		Fix:   "Set StartLimitIntervalSec=0 in [Unit], or a longer idle timeout.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				idle, says, ok := u.idleTimeout()
				limit := u.startLimit("StartLimitIntervalSec", "StartLimitInterval")
				interval, valid := grammar.Span(cmp.Or(limit.Value, "10s"))
				burst, err := strconv.Atoi(cmp.Or(u.startLimit("StartLimitBurst").Value, "5"))
				if !ok || idle == 0 || !valid || err != nil || interval == 0 || burst == 0 {
					continue
				}
				if time.Duration(burst)*idle < interval {
					f := at(limit)
					if limit.Value == "" {
						f = at(u.starts()[0].Assignment)
					}
					r.add(f, "with %s, %d starts are possible within %s", says, burst, interval)
				}
			}
		},
	},
	{
		ID: "dbus-without-name", Severity: Error, Host: UnitRefused,
		Finds: "Type=dbus without BusName=",
		Why:   "systemd refuses to load the unit.",
		Fix:   "Add BusName=, or choose another Type=.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("service") {
				a, ok := u.last("Service", "Type")
				if _, named := u.last("Service", "BusName"); ok && a.Value == "dbus" && !named {
					r.add(at(a), "Type=dbus, but no BusName= names what to wait for")
				}
			}
		},
	},
	{
		ID: "install-missing", Severity: Warning,
		Finds: "nothing ever starts a unit",
		Why:   "portablectl attach --enable can't enable it, and no unit of the image starts it: somebody must start it by hand after each boot.",
		Fix:   "Add [Install] with WantedBy=, as in WantedBy=multi-user.target, or sockets.target for a socket.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.Units {
				if !u.Empty && !u.hasAny("Install", "") && !img.isStarted(u, nil) {
					r.add(u.at(), "%s has no [Install], and no other unit starts it", u.Name)
				}
			}
		},
	},
	{
		ID: "template-without-instance", Severity: Note,
		Finds: "a template with [Install] has no default instance",
		Why:   "systemctl enable then needs a name after the \"@\".",
		Fix:   "Add DefaultInstance= to [Install], or enable instances by name.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.Units {
				wanted := u.all("Install", "WantedBy")
				if _, ok := u.last("Install", "DefaultInstance"); isTemplate(u.Name) && !ok && len(wanted) > 0 {
					r.add(at(wanted[0]), "%s has no DefaultInstance=", u.Name)
				}
			}
		},
	},
}

// startLimit returns the last assignment of a setting. systemd also accepts its old name, and
// [Service] instead of [Unit].
func (u *Unit) startLimit(names ...string) Assignment {
	for _, a := range slices.Backward(u.Assignments) {
		if _, ok := directives.Lookup(a.Section, a.Name); ok && slices.Contains(names, a.Name) {
			return a
		}
	}
	return Assignment{}
}

// binary returns the program of a service, or nil if it is not an ELF file or not in the image.
func (img *Image) binary(u *Unit) *program {
	starts := u.starts()
	if len(starts) == 0 {
		return nil
	}
	e := img.find(starts[0].path)
	if e == nil || e.Type != spec.File || img.head(e).elf == nil {
		return nil
	}
	return img.head(e)
}

// lacks reports whether the program of a service certainly does not use a text: it is static and
// does not contain the text.
func (img *Image) lacks(u *Unit, text string) bool {
	b := img.binary(u)
	return b != nil && len(b.elf.needed) == 0 && !b.holds(text)
}

func (img *Image) programHolds(u *Unit, text string) bool {
	b := img.binary(u)
	return b != nil && b.holds(text)
}

// isStarted reports whether a unit of the image starts another one; except is not asked.
func (img *Image) isStarted(u, except *Unit) bool {
	for _, by := range img.Units {
		if by == except {
			continue
		}
		var names []string
		switch by.Type() {
		case "socket", "timer", "path":
			name, _ := by.activates()
			names = append(names, name)
		}
		for _, a := range by.Assignments {
			starts := a.Section == "Unit" && slices.Contains([]string{"Wants", "Requires", "BindsTo", "Upholds", "OnFailure", "OnSuccess"}, a.Name)
			if starts || a.Section == "Install" && a.Name == "Also" || a.Section == "Service" && a.Name == "Sockets" {
				names = append(names, strings.Fields(a.Value)...)
			}
		}
		for _, name := range names {
			if name, ok := by.reference(name); by != u && ok && img.unit(name) == u {
				return true
			}
		}
	}
	return false
}

var idleOption = regexp.MustCompile(`^--?[a-z-]*idle[a-z-]*(=(.*))?$`)

// idleTimeout finds an option that makes the service exit on idle, such as --idle-timeout=30s or
// --exit-idle-time 30s. If the time can't be parsed, it is 0. The values 0 and "infinity" do not
// count.
func (u *Unit) idleTimeout() (after time.Duration, says string, ok bool) {
	for _, c := range u.starts() {
		for i, arg := range c.args {
			found := idleOption.FindStringSubmatch(arg)
			if found == nil {
				continue
			}
			value := found[2]
			if found[1] == "" && i+1 < len(c.args) && !strings.HasPrefix(c.args[i+1], "-") {
				value = c.args[i+1]
				arg += " " + value
			}
			span, valid := grammar.Span(value)
			if valid && (span == 0 || span == grammar.Infinity) {
				continue
			}
			return span, arg, true
		}
	}
	return 0, "", false
}
