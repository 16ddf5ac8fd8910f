package walkthrough

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/portable-walkthrough-go/tools/vm/guest"
)

const (
	channelTool = guest.Files + "/channel"
	// channelFiles are those of the portable_channel target.
	channelFiles = guest.Files + "/channel.d"
	sysupdate    = "/usr/lib/systemd/systemd-sysupdate"
	channelURL   = "http://localhost:8099/"
)

// publish runs what a .publish target starts, for an image with a hash tree.
func publish(t *testing.T, into, version, image string, arguments ...string) (string, error) {
	t.Helper()
	settings := map[string]string{}
	for _, file := range []string{name + ".transfer", name + ".roothash.transfer", "update-" + name + ".service", "update-" + name + ".timer"} {
		settings[file] = filepath.Join(channelFiles, file)
	}
	text, err := json.Marshal(map[string]any{
		"label": "//:channel", "version": version, "keep": 2, "settings": settings,
		"images": map[string]string{
			name + "_" + version + "_x86-64.raw":      image,
			name + "_" + version + "_x86-64.roothash": strings.TrimSuffix(image, ".raw") + ".roothash",
		},
	})
	must(t, err)
	config := filepath.Join(t.TempDir(), "channel.json")
	must(t, os.WriteFile(config, text, 0o644))
	arguments = append(arguments, "--into="+into)
	cmd := exec.Command(channelTool, arguments...)
	cmd.Env = append(os.Environ(), "PORTABLE_CHANNEL="+config, "RUNFILES_DIR="+guest.Files)
	out, err := cmd.CombinedOutput()
	t.Logf("# channel %s (%v)\n%s", strings.Join(arguments, " "), err, out)
	return string(out), err
}

// serve has nginx serve a directory.
func serve(t *testing.T, directory string) {
	t.Helper()
	config := filepath.Join(t.TempDir(), "nginx.conf")
	must(t, os.WriteFile(config, []byte(`daemon off;
user root;
pid /run/nginx-test.pid;
error_log stderr;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:8099;
    root `+directory+`;
  }
}
`), 0o644))
	must(t, os.MkdirAll("/var/lib/nginx", 0o755))
	must(t, os.MkdirAll("/var/log/nginx", 0o755))
	nginx := exec.Command("/usr/sbin/nginx", "-c", config)
	nginx.Stderr = os.Stderr
	must(t, nginx.Start())
	t.Cleanup(func() {
		_ = nginx.Process.Signal(os.Interrupt)
		_ = nginx.Wait()
	})
	eventually(t, "nginx answers", func() bool {
		answer, err := http.Get(channelURL + "SHA256SUMS")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
}

// keys makes two keys, and returns the commands that sign with them. The host trusts the first one.
func keys(t *testing.T) (trusted, other string) {
	t.Helper()
	const ring = "/etc/systemd/import-pubring.gpg"
	home := t.TempDir()
	must(t, os.Chmod(home, 0o700))
	t.Cleanup(func() {
		run(t, "gpgconf", "--homedir", home, "--kill", "gpg-agent")
		must(t, os.Remove(ring))
	})
	var commands []string
	for _, user := range []string{"channel@example.org", "other@example.org"} {
		run(t, "gpg", "--homedir", home, "--batch", "--passphrase", "", "--quick-generate-key", user, "ed25519", "sign")
		commands = append(commands, "--sign=gpg --homedir "+home+" --batch --local-user "+user+" --detach-sign")
	}
	run(t, "gpg", "--homedir", home, "--output", ring, "--export", "channel@example.org")
	return commands[0], commands[1]
}

// TestChannel updates a host from a channel, as the channel's own settings have it: to images with a hash tree, the
// last of them signed, by sums that are signed.
func TestChannel(t *testing.T) {
	once(t)
	const www, stored, unit = "/run/www", "/var/lib/portables/" + name, "update-" + name + ".service"
	remove := func(patterns ...string) {
		for _, pattern := range patterns {
			paths, err := filepath.Glob(pattern)
			must(t, err)
			for _, path := range paths {
				must(t, os.RemoveAll(path))
			}
		}
	}
	t.Cleanup(func() {
		remove(www, "/etc/sysupdate."+name+".d", "/etc/systemd/system/update-"+name+"*")
		run(t, "systemctl", "daemon-reload")
	})
	ours, others := keys(t)
	_, err := publish(t, www, "1", verityImage, ours)
	must(t, err)
	serve(t, www)
	run(t, "mkdir", "-p", "/etc/sysupdate."+name+".d")
	for _, file := range []string{name + ".transfer", name + ".roothash.transfer"} {
		run(t, "curl", "--silent", "--show-error", "--fail", "-o", "/etc/sysupdate."+name+".d/"+file, channelURL+file)
	}
	run(t, "curl", "--silent", "--show-error", "--fail", "-o", "/etc/systemd/system/"+unit, channelURL+unit)
	run(t, "systemctl", "daemon-reload")

	run(t, sysupdate, "--component="+name, "update")
	attach(t, stored+"_1_x86-64.raw")
	t.Cleanup(func() {
		stop(t)
		run(t, "portablectl", "detach", stored+".raw")
		remove(stored + "*")
	})
	run(t, "systemctl", "start", socket)
	first := visit(t)
	if !verity(t) {
		t.Error("dm-verity is not in use")
	}

	// Sums that another key has signed are not believed.
	_, err = publish(t, www, "2", verity2, others)
	must(t, err)
	refused(t, "Signature verification failed", sysupdate, "--component="+name, "update")
	if _, err := os.Stat(stored + "_2_x86-64.raw"); err == nil {
		t.Error("an image that another key vouches for was stored")
	}
	_, err = publish(t, www, "2", verity2, ours)
	must(t, err)
	all, stopLoad := pacedLoad(4, 100*time.Millisecond)
	all.after(t, 20)
	run(t, "systemctl", "start", unit)
	if got, want := show(t, service, "RootImage")["RootImage"], stored+"_2_x86-64.raw"; got != want {
		t.Errorf("RootImage=%s, want %s", got, want)
	}
	all.after(t, 20)
	stopLoad()
	if count, last := all.verify(t); last != first+uint64(count) {
		t.Errorf("%d visitors after #%d, but the last one is #%d", count, first, last)
	}

	// A version that is published stays as it is.
	if out, err := publish(t, www, "2", verityImage, ours); err == nil || !strings.Contains(out, "is published with other bytes") {
		t.Errorf("got %v: %s", err, out)
	}
	// A file that does not have its digest is not taken. It is a signed one, on a host that wants its signature.
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	signer := newSigner(t, key, err)
	signed := signer.sign(t, verityImage)
	_, err = publish(t, www, "3", verityImage, ours, "--signed="+filepath.Dir(signed))
	must(t, err)
	damaged, err := os.ReadFile(signed)
	must(t, err)
	damaged[len(damaged)/2]++
	must(t, os.WriteFile(www+"/"+name+"_3_x86-64.raw", damaged, 0o644))
	refused(t, "", sysupdate, "--component="+name, "update")
	if _, err := os.Stat(stored + "_3_x86-64.raw"); err == nil {
		t.Error("a damaged image was stored")
	}
	expect(t, service, "RootImage", stored+"_2_x86-64.raw")
	// The negative control: whole, it is taken.
	must(t, os.Remove(www+"/"+name+"_3_x86-64.raw"))
	run(t, "cp", signed, www+"/"+name+"_3_x86-64.raw")
	signer.trusted(t)
	text, err := os.ReadFile(policy)
	must(t, err)
	settings(t, service, string(text))
	run(t, "systemctl", "start", unit)
	expect(t, service, "RootImage", stored+"_3_x86-64.raw")
	visit(t)
}
