package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/bazelbuild/rules_go/go/runfiles"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/squashfs"
)

// A command does something on one host and returns the summary's last column.
type command func(ctx context.Context, d *deployment, images map[string]image) (string, error)

var commands = map[string]command{
	"status":   status,
	"attach":   attach,
	"upgrade":  upgrade,
	"rollback": rollback,
	"detach":   detach,
	"inspect":  inspect,
	"logs":     logs,
}

// prepare looks at the host and chooses its image. The error lists everything that would keep
// the image from working there.
func (d *deployment) prepare(ctx context.Context, images map[string]image) error {
	d.any(images)
	if err := d.look(ctx); err != nil {
		return err
	}
	if d.facts.machine != "" {
		if err := d.choose(images); err != nil {
			return err
		}
	}
	if len(images) > 1 {
		// The facts so far are about another image.
		d.facts = facts{}
		if err := d.look(ctx); err != nil {
			return err
		}
	}
	return d.preflight(d.facts.stored != d.image.digest)
}

// any returns any image, for commands that do not need a particular one.
func (d *deployment) any(images map[string]image) {
	for _, architecture := range slices.Sorted(maps.Keys(images)) {
		d.image = images[architecture]
	}
}

func (d *deployment) preflight(copies bool) error {
	found := d.facts.problems(d.config, d.image, d.options.profile, copies)
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("nothing was changed:\n  %s", strings.Join(found, "\n  "))
}

// attach attaches the image. It refuses where another one is attached.
func attach(ctx context.Context, d *deployment, images map[string]image) (string, error) {
	return d.replace(ctx, images, func() error {
		if d.facts.attached != "" && d.facts.digest != d.image.digest {
			return fmt.Errorf("%s is attached already; fix: give the command upgrade, which loses no connection", d.facts.attached)
		}
		return nil
	})
}

// upgrade replaces the attached image, or attaches the image if none is attached.
func upgrade(ctx context.Context, d *deployment, images map[string]image) (string, error) {
	return d.replace(ctx, images, func() error { return nil })
}

func (d *deployment) replace(ctx context.Context, images map[string]image, allowed func() error) (result string, err error) {
	err = d.locked(ctx, func(ctx context.Context) error {
		if err := d.prepare(ctx, images); err != nil {
			return err
		}
		if err := allowed(); err != nil {
			return err
		}
		if d.facts.digest == d.image.digest && d.facts.profile == d.options.profile {
			result = "is attached already"
			return nil
		}
		if d.facts.runtime {
			return errors.New("the image is attached until the next reboot only (--runtime); fix: detach it first")
		}
		if d.facts.method() == "swap" {
			d.progress("note: systemd %d has no portablectl reattach; if the units of both images are the same, only the image's path changes; else all units stop for a moment, and connections are refused", d.facts.systemd)
		}
		if err := d.trust(ctx); err != nil {
			return err
		}
		if err := d.upload(ctx); err != nil {
			return err
		}
		name := d.image.stored(d.config.Name, d.config.Version)
		now := entry{d.image.digest, name, d.config.Version, d.options.profile, d.now().UTC().Format("2006-01-02T15:04:05Z")}
		what := "attach"
		result = "attached"
		if d.facts.attached != "" {
			what, result = "upgrade", "upgraded"
		}
		return d.change(ctx, what, d.config.Directory+"/"+name, d.options.profile, d.extended(now))
	})
	return result, err
}

// extended is the history with one more image: each image once, the last ones of them.
func (d *deployment) extended(now entry) []entry {
	all := d.known()
	all = slices.DeleteFunc(all, func(e entry) bool { return e.digest == now.digest })
	all = append(all, now)
	return all[max(0, len(all)-d.config.Keep):]
}

// known returns the history, with the attached image at its end even if a user attached it by hand.
func (d *deployment) known() []entry {
	all := slices.Clone(d.facts.history)
	if d.facts.attached == "" {
		return all
	}
	if len(all) > 0 && all[len(all)-1].path(d.config.Directory) == d.facts.attached {
		return all
	}
	file := d.facts.attached
	if filepath.Dir(file) == d.config.Directory {
		file = filepath.Base(file)
	}
	return append(all, entry{orDash(d.facts.digest), file, versionOf(file, d.config.Name), d.facts.profile, "-"})
}

// rollback attaches the image before.
func rollback(ctx context.Context, d *deployment, images map[string]image) (result string, err error) {
	err = d.locked(ctx, func(ctx context.Context) error {
		d.any(images)
		if err := d.look(ctx); err != nil {
			return err
		}
		if err := d.preflight(false); err != nil {
			return err
		}
		all := d.known()
		if d.facts.attached == "" {
			return errors.New("no image is attached; fix: give the command attach")
		}
		if len(all) < 2 {
			return errors.New("the host has no image before the attached one; fix: build the version that you want, and run upgrade")
		}
		before := all[len(all)-2]
		result = "rolled back to " + before.file
		return d.change(ctx, "roll back", before.path(d.config.Directory), before.profile, all[:len(all)-1])
	})
	return result, err
}

// detach stops and detaches the attached image.
func detach(ctx context.Context, d *deployment, images map[string]image) (result string, err error) {
	err = d.locked(ctx, func(ctx context.Context) error {
		d.any(images)
		if err := d.look(ctx); err != nil {
			return err
		}
		if d.facts.attached == "" && !d.options.purge {
			result = "nothing is attached"
			return nil
		}
		result = "detached"
		if d.options.purge {
			result = "detached, with state and images removed"
		}
		settings := []setting{{"prefixes", strings.Join(d.config.Prefixes, " ")}, {"purge", flagged(d.options.purge)}}
		return d.step(ctx, "detach", d.script(settings, "detach"), nil)
	})
	return result, err
}

// status shows the attached image and its units.
func status(ctx context.Context, d *deployment, images map[string]image) (string, error) {
	d.any(images)
	if err := d.look(ctx, "units"); err != nil {
		return "", err
	}
	f := &d.facts
	fmt.Fprintf(d.out, "%s: systemd %d, %s, Linux %s\n", d.host.Name(), f.systemd, f.machine, f.kernel)
	if f.attached == "" {
		fmt.Fprintln(d.out, "  no image is attached")
		return "no image", nil
	}
	same := "other bytes than the build's"
	if err := d.choose(images); err == nil && d.image.digest == f.digest {
		same = "the build's bytes"
	}
	last := entry{version: versionOf(f.attached, d.config.Name), time: "by hand"}
	if all := d.known(); all[len(all)-1].time != "-" {
		last = all[len(all)-1]
	}
	fmt.Fprintf(d.out, "  image: %s, version %s, %s\n  sha256: %s\n  attached: %s, profile %s\n", f.attached, orDash(last.version), same, orDash(f.digest), last.time, orDash(f.profile))
	down := 0
	for _, s := range f.states {
		line := fmt.Sprintf("  %s: %s", s[0], s[1])
		if score := f.exposures[s[0]]; score != "" {
			line += ", exposure " + score
		}
		fmt.Fprintln(d.out, line)
		if strings.HasPrefix(s[1], "failed") {
			down++
		}
	}
	for _, e := range slices.Backward(f.history[:max(0, len(f.history)-1)]) {
		fmt.Fprintf(d.out, "  before: %s, version %s, %s\n", e.file, orDash(e.version), e.time)
	}
	if down > 0 {
		return "", fmt.Errorf("%d units have failed; fix: look at `logs`, then give the command upgrade or rollback", down)
	}
	return fmt.Sprintf("%s, %s", filepath.Base(f.attached), same), nil
}

// inspect shows how an upgrade would change the image.
func inspect(ctx context.Context, d *deployment, images map[string]image) (string, error) {
	d.any(images)
	if err := d.look(ctx); err != nil {
		return "", err
	}
	if err := d.choose(images); err != nil {
		return "", err
	}
	if d.facts.attached == "" {
		return "no image is attached", nil
	}
	if d.facts.digest == d.image.digest {
		return "the same bytes", nil
	}
	scratch, err := os.MkdirTemp("", "deploy")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	theirs := filepath.Join(scratch, filepath.Base(d.facts.attached))
	if err := d.fetch(ctx, theirs); err != nil {
		return "", err
	}
	path, err := runfiles.Rlocation(d.config.Unsquashfs)
	if err != nil {
		return "", err
	}
	unsquashfs, err := program.Find(path)
	if err != nil {
		return "", err
	}
	attached, err := openImage(theirs)
	if err != nil {
		return "", err
	}
	var differences []string
	if a, b := attached.form(), d.image.form(); a != b {
		differences = append(differences, a+", against "+b)
	}
	// unsquashfs reads a file system only at the start of a file.
	var naked [2]string
	for n, i := range []image{attached, d.image} {
		if naked[n], err = i.unwrapped(filepath.Join(scratch, fmt.Sprint(n))); err != nil {
			return "", err
		}
	}
	inside, err := squashfs.Unsquashfs{Program: unsquashfs}.Diff(ctx, naked[0], naked[1])
	if err != nil {
		return "", err
	}
	differences = append(differences, inside...)
	fmt.Fprintf(d.out, "%s: %s, against %s\n", d.host.Name(), d.facts.attached, d.image.path)
	for _, line := range differences {
		fmt.Fprintln(d.out, "  "+line)
	}
	if len(differences) == 1 {
		return "1 difference", nil
	}
	return fmt.Sprintf("%d differences", len(differences)), nil
}

// fetch copies the image that is attached from the host.
func (d *deployment) fetch(ctx context.Context, into string) error {
	file, err := os.Create(into)
	if err != nil {
		return err
	}
	defer file.Close()
	// As text, since a script's output is lines.
	script := d.script([]setting{{"image", d.facts.attached}}, "fetch")
	within, whole := false, false
	err = d.run(ctx, "fetch the image that is attached", script, func(key, value string, _ io.Writer) error {
		if key == "bytes" {
			within, whole = value == "begin", value == "end"
			return nil
		}
		if !within {
			return nil
		}
		bytes, err := base64.StdEncoding.DecodeString(key)
		if err != nil {
			return err
		}
		_, err = file.Write(bytes)
		return err
	})
	if err == nil && !whole {
		err = errors.New("the host did not send the image to its end")
	}
	return errors.Join(err, file.Close())
}

// logs shows the journal of the image's units.
func logs(ctx context.Context, d *deployment, images map[string]image) (string, error) {
	settings := []setting{{"lines", strconv.Itoa(d.options.lines)}, {"follow", flagged(d.options.follow)}}
	err := d.run(ctx, "read the journal", d.script(settings, "logs"), func(key, value string, _ io.Writer) error {
		if key == "log" {
			fmt.Fprintln(d.out, value)
		}
		return nil
	})
	return "", err
}
