package walkthrough

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

// The tool that portable_deploy targets start, and an image whose program ends at once.
const (
	deployTool = guest.Files + "/deploy"
	badVersion = guest.Files + "/" + name + "_bad.raw"
)

// A target is what a portable_deploy target writes: see config in //tools/deploy.
type target map[string]any

// target returns a deployment of an image to hosts, in a directory that the test ends with.
func newTarget(version, image string, hosts ...string) target {
	return target{
		"label": "//:deploy", "name": name, "version": version, "images": map[string]string{"x86-64": image},
		"prefixes": []string{name}, "profile": "default", "enable": true, "hosts": hosts, "keep": 2,
		"health_timeout": 300, "health_settle": 1, "directory": "/var/lib/portables", "minimum_systemd": 247,
		"health_check": "http://localhost:8088/",
	}
}

// deploy runs the tool, as bazel run would, and returns what it prints.
func (c target) deploy(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	text, err := json.Marshal(c)
	must(t, err)
	config := filepath.Join(t.TempDir(), "deploy.json")
	must(t, os.WriteFile(config, text, 0o644))
	cmd := exec.Command(deployTool, arguments...)
	cmd.Env = append(os.Environ(), "PORTABLE_DEPLOY="+config, "RUNFILES_DIR="+guest.Files)
	out, err := cmd.CombinedOutput()
	t.Logf("# deploy %s (%v)\n%s", strings.Join(arguments, " "), err, out)
	return string(out), err
}

// does runs a command that must succeed.
func (c target) does(t *testing.T, arguments ...string) string {
	t.Helper()
	out, err := c.deploy(t, arguments...)
	must(t, err)
	return out
}

// fails runs a command that must fail, and say something.
func (c target) fails(t *testing.T, want string, arguments ...string) {
	t.Helper()
	if out, err := c.deploy(t, arguments...); err == nil || !strings.Contains(out, want) {
		t.Errorf("deploy %s: %v, want a failure that says %q", strings.Join(arguments, " "), err, want)
	}
}

// sshd starts a real one on the loopback interface, for root, with a key made for this test.
func sshd(t *testing.T) {
	t.Helper()
	const directory = "/root/.ssh"
	must(t, os.MkdirAll(directory, 0o700))
	must(t, os.MkdirAll("/run/sshd", 0o755))
	t.Cleanup(func() { os.RemoveAll(directory) })
	for _, key := range []string{"id", "host"} {
		run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(directory, key))
	}
	hostKey, err := os.ReadFile(directory + "/host.pub")
	must(t, err)
	users, err := os.ReadFile("/etc/passwd")
	must(t, err)
	if !strings.Contains(string(users), "sshd:") {
		must(t, os.WriteFile("/etc/passwd", append(users, []byte("sshd:x:102:65534::/run/sshd:/usr/sbin/nologin\n")...), 0o644))
	}
	for file, text := range map[string]string{
		"sshd_config": "ListenAddress 127.0.0.1\nHostKey " + directory + "/host\nAuthorizedKeysFile " + directory + "/id.pub\nUsePAM no\nPidFile none\n",
		"known_hosts": "guest " + string(hostKey),
		"config": "Host *\n  HostName 127.0.0.1\n  User root\n  IdentityFile " + directory + "/id\n  HostKeyAlias guest\n" +
			"Host slow\n  Port 2222\n" + "Host down\n  Port 2\n",
	} {
		must(t, os.WriteFile(filepath.Join(directory, file), []byte(text), 0o600))
	}
	server := exec.Command("/usr/sbin/sshd", "-D", "-e", "-f", directory+"/sshd_config")
	server.Stderr = os.Stderr
	must(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	eventually(t, "sshd answers", func() bool { return exec.Command("ssh", "host", "true").Run() == nil })
}

// cleared undoes all that a deployment leaves.
func cleared(t *testing.T) {
	t.Cleanup(func() {
		newTarget("1", version1, "host").does(t, "detach", "--purge")
		nothingLeft(t)
		if left, err := os.ReadDir("/var/lib/portables"); err == nil && len(left) > 0 {
			t.Errorf("/var/lib/portables still has %v", left)
		}
	})
}

// TestDeploy takes an image through its life on a host, over SSH: no request is lost, a version that
// does not start is undone, and the count goes on. What does not depend on systemd's version is
// tested on one.
func TestDeploy(t *testing.T) {
	sshd(t)
	cleared(t)
	one, two, bad := newTarget("1", version1, "host"), newTarget("2", version2, "host"), newTarget("3", badVersion, "host")
	attachedIs := func(version string) {
		t.Helper()
		if image := show(t, service, "RootImage")["RootImage"]; !strings.HasPrefix(image, "/var/lib/portables/"+name+"_"+version+"-") {
			t.Errorf("RootImage=%s, want version %s", image, version)
		}
	}
	whole := systemd(t) == everything
	if whole {
		one.fails(t, `it has no profile "none"`, "attach", "--profile=none")
		one.does(t, "attach", "--dry-run")
		nothingLeft(t)
	}
	one.does(t, "attach")
	attachedIs("1")
	expect(t, socket, "UnitFileState", "enabled")
	first := visit(t)
	listening := inode(t)
	all, stopLoad := pacedLoad(4, 100*time.Millisecond)
	all.after(t, 30)
	two.does(t, "upgrade")
	attachedIs("2")
	all.after(t, 30)
	bad.fails(t, "rolled back to "+name+"_2-", "upgrade")
	attachedIs("2")
	all.after(t, 30)
	two.does(t, "rollback")
	attachedIs("1")
	all.after(t, 30)
	stopLoad()
	count, last := all.verify(t)
	// Each of three health checks that succeeded, or was meant to, is a visitor too.
	if last < first+uint64(count) || last > first+uint64(count)+50 {
		t.Errorf("%d visitors after #%d, but the last one is #%d", count, first, last)
	}
	t.Logf("%d requests", count)
	if got := inode(t); got != listening {
		t.Errorf("the socket was replaced: inode %s, before %s", got, listening)
	}
	expect(t, socket, "Result", "success")
	if !whole {
		return
	}
	// Two names of this machine, and one that nobody answers to.
	fleet := newTarget("1", version1, "host", "other", "down")
	out, err := fleet.deploy(t, "status", "--parallel=3")
	for _, want := range []string{
		fmt.Sprintf("host: systemd %d", systemd(t)), "version 1", "the build's bytes", service + ": active", "exposure ",
		"other: systemd ", "deploy: down: ", "start sshd on the host", "1 of 3 hosts failed",
	} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("status: %v, without %q", err, want)
		}
	}
	fleet.fails(t, "not begun: too many hosts failed", "status", "--parallel=1", "--host=down", "--host=host")
	two.fails(t, "the host has no image before", "rollback")
	troubles(t)
	one.does(t, "detach")
	if listens() {
		t.Error("somebody listens after detach")
	}
	// After all those troubles the next call works.
	verified(t, last)
}

// verified attaches an image with a hash tree, after so many visitors, and then its signed form, on a host
// that wants a signature from then on. They lie in a directory of versions.
func verified(t *testing.T, last uint64) {
	t.Helper()
	const directory = "/var/lib/portables/" + name + ".raw.v"
	c := newTarget("2", verity2, "host")
	c["directory"], c["unsquashfs"] = directory, "/usr/bin/unsquashfs"
	t.Cleanup(func() {
		c.does(t, "detach", "--purge")
		must(t, os.Remove(directory))
	})
	c.does(t, "attach")
	if n := visit(t); n <= last {
		t.Errorf("#%d was told, and after detaching and attaching #%d", last, n)
	}
	if !verity(t) {
		t.Error("dm-verity is not in use")
	}
	if out := c.does(t, "logs", "--lines=5"); !strings.Contains(out, name) {
		t.Error("logs shows no line of the service")
	}

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	signer := newSigner(t, key, err)
	signed := "--signed=" + filepath.Dir(signer.sign(t, verity2))
	certificate := filepath.Join(t.TempDir(), "certificate.pem")
	must(t, os.WriteFile(certificate, signer.pem(), 0o644))
	if out := c.does(t, "inspect", signed); !strings.Contains(out, ", not signed, against root hash ") || !strings.Contains(out, "1 difference\n") {
		t.Error("inspect does not say that only the signature is new")
	}
	text, err := os.ReadFile(policy)
	must(t, err)
	settings(t, service, string(text))
	t.Cleanup(func() { must(t, os.RemoveAll(trusted)) })
	c.does(t, "upgrade", signed, "--install-certificate="+certificate)
	visit(t)
	image := show(t, service, "RootImage")["RootImage"]
	if newest := run(t, "systemd-vpick", "--suffix=.raw", directory); filepath.Dir(image) != directory || len(newest) != 1 {
		t.Errorf("RootImage=%s; systemd-vpick says %q", image, newest)
	}
	// The control: unsigned, it does not start on this host any more, and the signed one comes back.
	c.fails(t, "rolled back to "+filepath.Base(image), "upgrade")
	visit(t)
}

// troubles interrupt upgrades of version 1 to version 2: nothing is half-done.
func troubles(t *testing.T) {
	t.Helper()
	one, slow := newTarget("1", version1, "host"), newTarget("2", version2, "slow")
	before := visit(t)
	whole := func(what string) {
		t.Helper()
		if image := show(t, service, "RootImage")["RootImage"]; !strings.Contains(image, name+"_1-") {
			t.Errorf("%s: RootImage=%s", what, image)
		}
		files, err := filepath.Glob("/var/lib/portables/" + name + "*.raw")
		if err != nil || len(files) != 1 {
			t.Errorf("%s: %q, %v, want one image", what, files, err)
		}
		if n := visit(t); n <= before {
			t.Errorf("%s: #%d was followed by #%d", what, before, n)
		}
	}

	other := newTarget("2", version2, "host")
	other["images"] = map[string]string{"arm64": version2}
	other.fails(t, "its CPU is x86-64 (x86_64), and the image is for arm64", "upgrade")
	whole("another CPU")

	// The next calls meet their trouble when a third of the image has come.
	info, err := os.Stat(version2)
	must(t, err)
	third := info.Size() / 3
	proxy(t, third, func() bool {
		one.fails(t, "locked by root at guest", "upgrade")
		return false
	})
	slow.fails(t, "it goes on where it stopped", "upgrade")
	whole("a connection that was cut")
	parts, err := filepath.Glob("/var/lib/portables/.#*.part")
	must(t, err)
	if len(parts) != 1 {
		t.Errorf("%q, want what has come so far", parts)
	}

	// A disk that gets full while the image comes: a file system of its own.
	small := newTarget("2", version2, "slow")
	small["directory"] = "/run/small"
	must(t, os.MkdirAll("/run/small", 0o755))
	run(t, "mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", info.Size()+5<<20), "tmpfs", "/run/small")
	t.Cleanup(func() { run(t, "umount", "/run/small") })
	proxy(t, third, func() bool {
		_ = os.WriteFile("/run/small/other", make([]byte, info.Size()+5<<20), 0o644)
		return true
	})
	small.fails(t, "No space left on device", "upgrade")
	whole("a full disk")
	if left, err := filepath.Glob("/run/small/.#*"); err != nil || len(left) > 0 {
		t.Errorf("%q is left of the copy, %v", left, err)
	}
	small.fails(t, "KiB free", "upgrade")
}

// proxy passes connections on to sshd from port 2222. When so many bytes have gone there over all of them,
// it calls at; if that returns false, it cuts them.
func proxy(t *testing.T, after int64, at func() bool) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:2222")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	var mu sync.Mutex
	sent, met := int64(0), false
	go func() {
		for {
			from, err := listener.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", "127.0.0.1:22")
			if err != nil {
				from.Close()
				return
			}
			go func() {
				defer from.Close()
				_, _ = io.Copy(from, to)
			}()
			go func() {
				defer to.Close()
				buffer := make([]byte, 1<<15)
				for {
					n, err := from.Read(buffer)
					if err != nil {
						return
					}
					mu.Lock()
					sent += int64(n)
					here := !met && sent > after
					met = met || here
					mu.Unlock()
					if here && !at() {
						from.Close()
						listener.Close()
						return
					}
					if _, err := to.Write(buffer[:n]); err != nil {
						return
					}
				}
			}()
		}
	}()
}
