package check

import "example.org/portable-walkthrough-go/tools/unitfile"

var syntaxChecks = []Check{
	{
		ID: "unit-empty", Severity: Error, Host: LeftOut,
		Finds: "a unit file is empty, or a symlink to nothing",
		Why:   "systemd-portabled silently leaves it out.",
		Fix:   "Add content, or remove the file.",
		run: func(img *Image, r *reporter) {
			for _, u := range img.Units {
				if u.Empty {
					r.add(u.at(), "%s has no content", u.Name)
				}
			}
		},
	},
	{
		ID: "unit-syntax", Severity: Error, Host: LineIgnored,
		Finds: "a line of a unit file is no section, assignment or comment",
		Why:   "systemd logs a warning and ignores the line; for a section header, it refuses the whole unit.",
		Fix:   "Write [Section], Name=value, or a comment that starts with \"#\" or \";\".",
		run:   problems(unitfile.Syntax),
	},
	{
		ID: "unit-encoding", Severity: Error, Host: UnitRefused,
		Finds: "a unit file has a NUL byte or is not UTF-8",
		Why:   "systemd refuses the unit, or reads only a part of a line with a NUL byte.",
		Fix:   "Save the file as UTF-8.",
		run:   problems(unitfile.Encoding),
	},
	{
		ID: "unit-crlf", Severity: Warning,
		Finds: "a unit file has Windows line ends",
		Why:   "systemd accepts them, but other readers of unit files include the carriage return in the value.",
		Fix:   "Save the file with Unix line ends, and make sure that git does not convert them.",
		run:   problems(unitfile.CarriageReturn),
	},
	{
		ID: "unit-blank-after-backslash", Severity: Error,
		Finds: "a blank follows the backslash at a line's end",
		Why:   "systemd continues a line only if the backslash is its last character, so it reads the next line separately.",
		Fix:   "Remove the blank after the backslash.",
		run:   problems(unitfile.BlankAfterBackslash),
	},
	{
		ID: "unit-trailing-backslash", Severity: Warning,
		Finds: "a unit file's last line ends with a backslash",
		Why:   "The continuation is missing, and a line that is added later becomes part of this one.",
		Fix:   "Remove the backslash, or restore what followed.",
		run:   problems(unitfile.TrailingBackslash),
	},
}

// problems reports what reading the units showed.
func problems(kind unitfile.Kind) func(*Image, *reporter) {
	return func(img *Image, r *reporter) {
		for _, u := range img.files() {
			for _, p := range u.Problems {
				if p.Kind == kind {
					r.add(Finding{File: p.File, Line: p.Line}, "%s", p.Text)
				}
			}
		}
	}
}

// files are units, and drop-ins that lie in the image by themselves.
func (img *Image) files() []*Unit { return append(append([]*Unit{}, img.Units...), img.DropIns...) }
