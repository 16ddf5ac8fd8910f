package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"embed"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/user"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/portable-walkthrough-go/tools/deploy/host"
)

//go:embed scripts/*.sh
var scripts embed.FS

// A runner is a [host.Host], or stands in for one in a test.
type runner interface {
	Name() string
	Words(length int) []string
	Run(ctx context.Context, s host.Script) error
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}

// A deployment is one command on one host.
type deployment struct {
	config  config
	options options
	host    runner
	image   image
	facts   facts
	// progress shows the current step.
	progress func(format string, args ...any)
	// out is for commands whose result is text.
	out io.Writer
	now func() time.Time
}

// Where portabled puts units (see systemd's LookupPaths) and looks for profiles, where locks are, and
// where systemd looks for certificates.
const (
	attachedDirectories = "/etc/systemd/system.attached /run/systemd/system.attached"
	lockDirectory       = "/run"
	profileDirectories  = "/etc/systemd/portable/profile /run/systemd/portable/profile /usr/local/lib/systemd/portable/profile /usr/lib/systemd/portable/profile /lib/systemd/portable/profile"
	trustDirectory      = "/etc/verity.d"
)

// A setting is a shell variable of a script.
type setting struct{ name, value string }

// script puts a step together: settings, and parts of scripts/.
func (d *deployment) script(settings []setting, parts ...string) string {
	var b strings.Builder
	for _, s := range append([]setting{
		{"name", d.config.Name}, {"directory", d.config.Directory}, {"attached", d.options.attached},
	}, settings...) {
		fmt.Fprintf(&b, "%s=%s\n", s.name, host.Quote(s.value))
	}
	for _, part := range append([]string{"lib"}, parts...) {
		text, err := scripts.ReadFile("scripts/" + part + ".sh")
		if err != nil {
			panic(err) // It is embedded.
		}
		b.Write(text)
	}
	return b.String()
}

// step runs a script that changes something, or shows it with --dry-run.
func (d *deployment) step(ctx context.Context, name, script string, line func(key, value string, to io.Writer) error) error {
	if d.options.dryRun {
		fmt.Fprintf(d.out, "# %s on %s\n%s <<'EOF'\n%sEOF\n", name, d.host.Name(), shown(d.host.Words(len(script))), script)
		return nil
	}
	return d.run(ctx, name, script, line)
}

func shown(words []string) string {
	var quoted []string
	for _, word := range words {
		quoted = append(quoted, host.Quote(word))
	}
	return strings.Join(quoted, " ")
}

// run runs a script. Its errors contain the failed step and the fix.
func (d *deployment) run(ctx context.Context, name, script string, line func(key, value string, to io.Writer) error) error {
	err := d.host.Run(ctx, host.Script{Text: script, Line: func(key, value string, to io.Writer) error {
		if key == "run" {
			d.progress("%s: %s", name, value)
		}
		if line != nil {
			return line(key, value, to)
		}
		return nil
	}})
	if err == nil {
		return nil
	}
	if fix := d.fix(err); fix != "" {
		return fmt.Errorf("%s: %w\n  fix: %s", name, err, fix)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// fixes maps messages of programs to the fixes of known failures.
var fixes = []struct{ words, fix string }{
	{"Permission denied (publickey", "add your key to the host's authorized_keys, or name the right one in ~/.ssh/config (IdentityFile)"},
	{"Host key verification failed", "connect once with ssh to accept the host's key, after verifying it"},
	{"Could not resolve hostname", "correct the host's name, or give it a HostName in ~/.ssh/config"},
	{"Connection refused", "start sshd on the host, or correct the port in ~/.ssh/config"},
	{"password is required", "log in as root, or allow the user sudo without a password (NOPASSWD)"},
	{"No space left on device", "make room on the host, or set `directory` to another disk; nothing was changed"},
	{"exists on the host already", "another package has a unit of that name; rename the image's units, or remove the host's"},
	{"locked by", "wait until that deployment is over; its lock ends with its connection"},
	{"No such method", "the host's portabled is older than its portablectl: systemctl restart systemd-portabled"},
	{"not compatible with portable service image", "correct `prefixes` of the image"},
}

func (d *deployment) fix(err error) string {
	text := err.Error()
	for _, known := range fixes {
		if strings.Contains(text, known.words) {
			return known.fix
		}
	}
	switch {
	case errors.Is(err, host.ErrLost):
		return "check the connection (ssh " + d.host.Name() + " true) and repeat the command: it goes on where it stopped"
	case d.facts.selinux && strings.Contains(text, "portablectl"):
		return "SELinux is enforcing there, and may be the reason: look at `ausearch -m avc -ts recent`, and allow what systemd-portabled needs"
	}
	return ""
}

// look asks the host for its facts, which changes nothing.
func (d *deployment) look(ctx context.Context, parts ...string) error {
	settings := []setting{
		{"file", d.image.stored(d.config.Name, d.config.Version)},
		{"modules", strings.Join(d.image.modules, " ")}, {"option", d.image.option}, {"profile", d.options.profile}, {"profiles", d.options.profiles},
	}
	return d.run(ctx, "look at the host", d.script(settings, append([]string{"facts"}, parts...)...), d.facts.line)
}

// choose takes the image for the host's CPU.
func (d *deployment) choose(images map[string]image) error {
	architecture, known := machines[d.facts.machine]
	if i, ok := images[architecture]; known && ok {
		d.image = i
		return nil
	}
	if i, ok := images[""]; ok && len(images) == 1 {
		d.image = i
		return nil
	}
	var have []string
	for name := range images {
		have = append(have, name)
	}
	slices.Sort(have)
	return fmt.Errorf("its CPU is %s (%s), and the image is for %s; fix: build it for that platform, or give `image` a portable_image_set with it", architecture, d.facts.machine, strings.Join(have, ", "))
}

// locked calls do while the host's lock for this portable name is held.
func (d *deployment) locked(ctx context.Context, do func(ctx context.Context) error) error {
	if d.options.dryRun {
		return do(ctx)
	}
	settings := []setting{
		{"lock", path.Join(d.options.locks, "portable-deploy-"+d.config.Name+".lock")}, {"who", deployer()},
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done, held := make(chan struct{}), make(chan error, 1)
	over := make(chan error, 1)
	go func() {
		over <- d.run(ctx, "take the lock", d.script(settings, "lock"), func(key, _ string, to io.Writer) error {
			if key != "locked" {
				return nil
			}
			held <- nil
			tick := time.NewTicker(5 * time.Second)
			defer tick.Stop()
			for {
				if _, err := io.WriteString(to, "."); err != nil {
					return err
				}
				select {
				case <-done:
					// Another letter ends it.
					_, err := io.WriteString(to, "x")
					return err
				case <-tick.C:
				}
			}
		})
	}()
	select {
	case <-held:
	case err := <-over:
		return err
	}
	err := do(ctx)
	close(done)
	select {
	case <-over: // The work is done; whatever became of the lock.
	case <-time.After(10 * time.Second):
	}
	return err
}

// deployer identifies the user, for others who find the lock.
func deployer() string {
	name, at := "somebody", "a machine without a name"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		at = h
	}
	return fmt.Sprintf("%s at %s", name, at)
}

// upload copies the image to the host, or the rest of it.
func (d *deployment) upload(ctx context.Context) error {
	name := d.image.stored(d.config.Name, d.config.Version)
	if d.facts.stored == d.image.digest {
		d.progress("the host has the image")
		return nil
	}
	if d.options.dryRun {
		fmt.Fprintf(d.out, "# The script's standard input goes on with %s.\n", host.Quote(d.image.path))
	}
	sidecars, err := d.image.sidecars(d.facts.systemd)
	if err != nil {
		return err
	}
	settings := []setting{
		{"file", name}, {"digest", d.image.digest}, {"size", strconv.FormatInt(d.image.size, 10)},
		{"roothash", string(sidecars["roothash"])}, {"signature", base64.StdEncoding.EncodeToString(sidecars["roothash.p7s"])},
	}
	return d.step(ctx, "copy the image", d.script(settings, "upload"), func(key, value string, to io.Writer) error {
		if key != "have" {
			return nil
		}
		return d.send(value, to)
	})
}

// send sends the part of the image that the host does not have yet.
func (d *deployment) send(have string, to io.Writer) error {
	count, digest, _ := strings.Cut(have, " ")
	from, err := strconv.ParseInt(count, 10, 64)
	if err != nil {
		return fmt.Errorf("the host has %q of the image: %w", have, err)
	}
	file, err := os.Open(d.image.path)
	if err != nil {
		return err
	}
	defer file.Close()
	if from > 0 {
		same, err := startsWith(file, from, digest)
		if err != nil {
			return err
		}
		if !same {
			from = 0
		}
		if _, err := file.Seek(from, io.SeekStart); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(to, from); err != nil {
		return err
	}
	sent := from
	buffer := make([]byte, 1<<20)
	for {
		n, err := file.Read(buffer)
		if n > 0 {
			// If the host fails, its own words are the error.
			if _, err := to.Write(buffer[:n]); err != nil {
				return nil
			}
			sent += int64(n)
			d.progress("copied %.1f of %.1f MB", float64(sent)/1e6, float64(d.image.size)/1e6)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// trust installs the certificate that the options name, if any.
func (d *deployment) trust(ctx context.Context) error {
	if d.options.certificate == "" {
		return nil
	}
	text, err := os.ReadFile(d.options.certificate)
	if err != nil {
		return fmt.Errorf("--install-certificate: %w", err)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "CERTIFICATE" || len(bytes.TrimSpace(rest)) > 0 {
		return fmt.Errorf("--install-certificate: %s: not one certificate in PEM; give the one that the image was signed with, and no key", d.options.certificate)
	}
	if _, err := x509.ParseCertificate(block.Bytes); err != nil {
		return fmt.Errorf("--install-certificate: %s: %w", d.options.certificate, err)
	}
	settings := []setting{{"trust", d.options.trust}, {"certificate", strings.TrimSpace(string(text))}}
	return d.step(ctx, "install the certificate", d.script(settings, "certificate"), nil)
}

// change attaches an image in place of what is attached, and leaves the host with those images
// in its history.
func (d *deployment) change(ctx context.Context, name, path, profile string, history []entry) error {
	f := &d.facts
	var lines []string
	for _, e := range history {
		lines = append(lines, e.String())
	}
	check, verdict := d.config.HealthCheck, ""
	if d.config.checksURL() {
		check, verdict = "", "1"
	}
	settings := []setting{
		{"how", f.method()}, {"new", path}, {"profile", profile}, {"old", f.attached}, {"old_profile", f.profile},
		{"prefixes", strings.Join(d.config.Prefixes, " ")},
		{"enable", flagged(d.config.Enable)}, {"now", flagged(d.options.now)},
		{"patience", strconv.Itoa(d.config.Patience)}, {"settle", strconv.Itoa(d.config.Settle)},
		{"check", check}, {"verdict", verdict}, {"entries", strings.Join(lines, "\n")},
	}
	back, undone := "", false
	err := d.step(ctx, name, d.script(settings, "change"), func(key, value string, to io.Writer) error {
		switch key {
		case "replaces":
			d.progress("note: systemd %d has no reattach, and the units differ: connections are refused for a moment", f.systemd)
		case "ask":
			if err := d.visit(ctx); err != nil {
				d.progress("%v", err)
				back = err.Error()
				_, _ = io.WriteString(to, "bad\n")
				return nil
			}
			_, err := io.WriteString(to, "good")
			return err
		case "rolling-back":
			d.progress("rolling back")
		case "rolled-back":
			undone, back = true, strings.TrimSpace(back+"\n"+value)
		}
		return nil
	})
	if undone {
		return &rolledBackError{f.attached, err}
	}
	return err
}

// A rolledBackError means that the new image did not come up, and that the host has the old one again.
type rolledBackError struct {
	to  string
	err error
}

func (e *rolledBackError) Unwrap() error { return e.err }

func (e *rolledBackError) Error() string {
	if e.to == "" {
		return fmt.Sprintf("did not come up, and was detached again: %v", e.err)
	}
	return fmt.Sprintf("did not come up; rolled back to %s: %v", path.Base(e.to), e.err)
}

func flagged(is bool) string {
	if is {
		return "1"
	}
	return ""
}

// visit asks the health check's URL, as the host sees it, until it answers.
func (d *deployment) visit(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(d.config.Patience)*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DialContext: d.host.Dial, DisableKeepAlives: true}}
	var why error
	for {
		err := get(ctx, &client, d.config.HealthCheck)
		if err == nil {
			return nil
		}
		// That the time is over says less than an answer before.
		if why == nil || ctx.Err() == nil {
			why = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("health check %s: %w", d.config.HealthCheck, why)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	// One that hangs must leave time for another try.
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20)); err != nil {
		return err
	}
	if answer.StatusCode >= 400 {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}
