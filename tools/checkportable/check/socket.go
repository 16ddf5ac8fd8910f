package check

import "strings"

var socketChecks = []Check{
	{
		ID: "socket-without-service", Severity: Error, Host: UnitRefused,
		Finds: "a socket unit has no service in the image",
		Why:   "systemd can't start the socket, because no service takes its connections.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("socket") {
				want, f := u.activates()
				if want != "" && img.unit(want) == nil {
					f.Fix = "Declare " + fileOf(want) + ", or name another one with Service=."
					r.add(f, "%s starts %s, which is not in the image", u.Name, want)
				}
			}
		},
	},
	{
		ID: "socket-accept", Severity: Error, Host: UnitRefused,
		Finds: "Accept= does not match the kind of service",
		Why:   "With Accept=yes systemd starts an instance of a template for each connection; otherwise it starts one plain service for all.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("socket") {
				accept, hasAccept := u.last("Socket", "Accept")
				service, hasService := u.last("Socket", "Service")
				f := u.at()
				if hasAccept {
					f = at(accept)
				}
				named, of := u.activates()
				switch {
				case hasService && !u.isTrue("Socket", "Accept") && isTemplate(named):
					instance := "NAME"
					if isTemplate(u.Name) {
						instance = "%i"
					}
					of.Fix = "Name an instance, as in Service=" + strings.Replace(named, "@", "@"+instance, 1) +
						"; or remove Service= and set Accept=yes, which takes " + u.prefix() + "@.service."
					r.add(of, "%s starts %s, a template: only Accept=yes makes instances of one", u.Name, named)
				case u.isTrue("Socket", "Accept") && hasService:
					f.Fix = "Remove Service= and call the template " + u.prefix() + "@.service, or set Accept=no."
					r.add(f, "Accept=yes and Service=%s exclude each other", service.Value)
				case u.isTrue("Socket", "Accept") && img.unit(u.prefix()+".service") != nil && img.unit(u.prefix()+"@.service") == nil:
					f.Fix = "Set Accept=no, or call the service " + u.prefix() + "@.service."
					r.add(f, "Accept=yes needs a template, but %s.service is not one", u.prefix())
				case !u.isTrue("Socket", "Accept") && !isTemplate(u.Name) && !hasService && img.unit(u.prefix()+".service") == nil && img.unit(u.prefix()+"@.service") != nil:
					f.Fix = "Set Accept=yes, or call the service " + u.prefix() + ".service."
					r.add(f, "%s@.service is a template, which only Accept=yes starts", u.prefix())
				}
			}
		},
	},
	{
		ID: "socket-flush-pending", Severity: Error,
		Finds: "FlushPending= discards queued connections",
		Why:   "Clients that connect while the service stops or exits on idle get no answer and cause no new start.",
		Fix:   "Remove the line.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("socket") {
				if a, ok := u.last("Socket", "FlushPending"); ok && u.isTrue("Socket", "FlushPending") {
					r.add(at(a), "FlushPending=%s drops connections that wait for the service's next start", a.Value)
				}
			}
		},
	},
	{
		ID: "socket-without-listener", Severity: Error, Host: UnitRefused,
		Finds: "a socket unit listens nowhere",
		Why:   "systemd refuses a socket unit without any Listen directive.",
		Fix:   "Add ListenStream=, or another of systemd.socket(5).",
		run: func(img *Image, r *reporter) {
			for _, u := range img.of("socket") {
				if !u.Empty && !u.triggers("Socket") {
					r.add(u.at(), "%s has no ListenStream= or similar directive", u.Name)
				}
			}
		},
	},
}

// triggers reports whether what the unit waits for is left at its end: an empty assignment
// takes back all that came before, whatever it was.
func (u *Unit) triggers(section string) bool {
	has := false
	for _, a := range u.Assignments {
		if a.Section == section && isTrigger[section](a.Name) {
			has = a.Value != ""
		}
	}
	return has
}

var isTrigger = map[string]func(name string) bool{
	"Socket": func(name string) bool { return strings.HasPrefix(name, "Listen") },
	"Timer": func(name string) bool {
		return strings.HasPrefix(name, "On") && !strings.HasSuffix(name, "Change")
	},
	"Path": func(name string) bool {
		return strings.HasPrefix(name, "Path") || name == "DirectoryNotEmpty"
	},
}

// hasAny reports whether a directive with that prefix is set.
func (u *Unit) hasAny(section, prefix string) bool {
	for _, a := range u.Assignments {
		if a.Section == section && strings.HasPrefix(a.Name, prefix) && len(u.all(section, a.Name)) > 0 {
			return true
		}
	}
	return false
}
