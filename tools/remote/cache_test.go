package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/bazeltest"
	"example.org/portable-walkthrough-go/tools/remote/servers"
)

const (
	read  = "--config=remote-cache-read"
	write = "--config=remote-cache"
	// asksResult is the call of gRPC that asks for the result of an action.
	asksResult = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult"

	// The image as a unit's edit makes it.
	unit          = "units/portable-walkthrough-go.service"
	before, after = "\nDescription=", "\nDescription=Edited: "
)

// A cached is the proof with an HTTP cache.
type cached struct {
	*proof
	cache *servers.Server
	proxy *servers.Proxy
	// resultPath and blobPath are where the cache has the image action's result, and the
	// image.
	resultPath, blobPath string
}

// another is a second checkout, which executes nothing itself. What it finds over gRPC
// becomes the content of the HTTP cache: to execute all for that again takes long.
func (p *proof) another(t *testing.T) {
	p.second = checkout{
		dir:       "b/a/deeper/path",
		umask:     0o077,
		otherUser: true,
		ownWorld:  true,
		env:       []string{"TZ=Pacific/Kiritimati", "LANG=C", "LC_ALL=C", "USER=bob", "LOGNAME=bob", "EDITOR=bobs"},
	}.new(t)
	c := &cached{proof: p}
	c.cache = started(t, t.TempDir(), servers.HTTPCache)
	inOrder(t, []part{
		{"over gRPC", c.overGRPC},
		{"over HTTP", c.overHTTP},
		{"one edited unit runs the image action and the checks", c.edited},
		{"a cache that lies or fails", c.harm},
		{"a cache that goes away", c.gone},
	})
}

func (c *cached) overGRPC(t *testing.T) {
	engine := buildBox(t, servers.HostTools, c.storage)
	proxy := proxy(t, engine)
	disk := t.TempDir()
	c.hits(t, proxy, "--disk_cache="+disk)
	for _, r := range proxy.Requests() {
		if strings.Contains(r.Path, "/Update") || strings.Contains(r.Path, "/Write") || strings.Contains(r.Path, "/BatchUpdate") {
			t.Errorf("%s by a build that only reads", r.Path)
		}
	}
	// A disk cache has the same files in directories by their first two digits.
	for _, kind := range []string{"ac", "cas"} {
		files, err := filepath.Glob(filepath.Join(disk, kind, "??", "*"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%d files in the disk cache, %v", len(files), err)
		}
		for _, file := range files {
			if err := os.Rename(file, c.cache.File("/"+kind+"/"+filepath.Base(file))); err != nil {
				t.Fatal(err)
			}
		}
	}

	proxy.Do(servers.At(asksResult, servers.Gone))
	c.madeHere(t, c.again(t, proxy, read), "UNAVAILABLE")
	if proxy.Faults() != 1 {
		t.Errorf("the cache went away %d times", proxy.Faults())
	}
}

func (c *cached) overHTTP(t *testing.T) {
	c.second.Run(t, "clean")
	c.proxy = proxy(t, c.cache)
	c.hits(t, c.proxy)
	c.resultPath, c.blobPath = "/ac/"+c.making.Key.Hash, "/cas/"+c.making.Made[0].Digest.Hash
	for _, path := range []string{c.resultPath, c.blobPath} {
		if _, err := os.Stat(c.cache.File(path)); err != nil {
			t.Fatalf("the cache lacks the image action's result or image: %v", err)
		}
	}
	for _, r := range c.proxy.Requests() {
		if r.Method != "GET" {
			t.Errorf("%s of %s by a build that only reads", r.Method, r.Path)
		}
	}
}

// hits builds and tests everything, and verifies that all spawns are hits and the images are the same.
func (c *cached) hits(t *testing.T, proxy *servers.Proxy, flags ...string) {
	t.Helper()
	// On a slow machine a large blob may take longer than the limit of .bazelrc.
	c.second.Run(t, "test", slices.Concat([]string{read, "--remote_timeout=600s", "--remote_cache=" + proxy.Address}, flags, targets)...)
	spawns := c.second.Spawns(t)
	for _, s := range spawns {
		if !s.CacheHit {
			t.Errorf("%v: its runner is %q", s, s.Runner)
		}
	}
	if len(spawns) != c.filled {
		t.Errorf("%d spawns, but %d filled the cache", len(spawns), c.filled)
	}
	c.sameImage(t, c.second)
	if got := images(t, c.second); !maps.EqualFunc(got, c.images, bytes.Equal) {
		t.Errorf("of the images %q some have other bytes than %q", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(c.images)))
	}
	t.Logf("%d spawns, %d requests", len(spawns), len(proxy.Requests()))
}

// The control of the hits, too: a miss is seen. What is written is read again.
func (c *cached) edited(t *testing.T) {
	c.second.edit(t, unit, before, after)
	defer c.second.edit(t, unit, after, before)
	c.second.Run(t, "clean")
	c.proxy.Do(func(method, _ string) servers.Fault {
		if method == "PUT" {
			return 507 // nginx's answer when its disk is full
		}
		return servers.None
	})
	said := c.build(t, c.proxy, write)
	c.executed(t, "PortableCheck of //:image", "PortableImage of //:image")
	c.warns(t, said, "507 Insufficient Storage")
	edited := c.second.read(t, imageName)
	if bytes.Equal(edited, c.image) {
		t.Error("the image has the same bytes as before the edit")
	}

	c.proxy.Do(nil)
	c.again(t, c.proxy, write)
	c.executed(t, "PortableImage of //:image")
	c.again(t, c.proxy, read)
	c.executed(t)
	if !bytes.Equal(c.second.read(t, imageName), edited) {
		t.Error("what comes out of the cache is not what was put in")
	}
}

// The cache has something wrong of the image action, or fails when it is asked for it. The
// image is made here, and right.
func (c *cached) harm(t *testing.T) {
	flipped := func(text []byte) []byte { text[len(text)/2] ^= 1; return text }
	truncated := func(text []byte) []byte { return text[:len(text)/2] }
	for _, test := range []struct {
		name, path string
		lie        func([]byte) []byte
		fault      servers.Fault
		warning    string
		flags      []string
	}{
		{"a blob with a flipped bit", c.blobPath, flipped, servers.None, "does not match received digest", nil},
		{"a truncated blob", c.blobPath, truncated, servers.None, "does not match received digest", nil},
		{"a truncated result", c.resultPath, truncated, servers.None, "input ended unexpectedly in the middle of a field", nil},
		// A miss as any other.
		{"a blob that was evicted", c.blobPath, func([]byte) []byte { return nil }, servers.None, "", nil},
		{"status 500 for the result", c.resultPath, nil, 500, "500 Internal Server Error", nil},
		{"no answer for the blob", c.blobPath, nil, servers.Stalled, "timed out", []string{"--remote_timeout=5s", "--remote_retries=0"}},
		{"half of the blob", c.blobPath, nil, servers.Cut, "WARNING: Remote Cache: ", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.lie != nil {
				c.change(t, test.path, test.lie)
			}
			c.proxy.Do(servers.At(test.path, test.fault))
			c.madeHere(t, c.again(t, c.proxy, append([]string{read}, test.flags...)...), test.warning)
			if (c.proxy.Faults() > 0) != (test.fault != servers.None) {
				t.Errorf("%d requests had the fault", c.proxy.Faults())
			}
		})
	}
	c.proxy.Do(nil)

	t.Run("control: without verification a flipped bit comes through", func(t *testing.T) {
		c.change(t, c.blobPath, flipped)
		c.again(t, c.proxy, read, "--remote_verify_downloads=false")
		if bytes.Equal(c.second.read(t, imageName), c.image) {
			t.Error("the image is the right one all the same")
		}
	})
	// This is why only trusted builds may write to a cache.
	t.Run("control: nothing can verify a result", func(t *testing.T) {
		lie := flipped(bytes.Clone(c.image))
		digest := sha256.Sum256(lie)
		name := hex.EncodeToString(digest[:])
		replace(t, c.cache.File("/cas/"+name), lie)
		c.change(t, c.resultPath, func(text []byte) []byte {
			return bytes.ReplaceAll(text, []byte(filepath.Base(c.blobPath)), []byte(name))
		})
		c.again(t, c.proxy, read)
		c.executed(t)
		if !bytes.Equal(c.second.read(t, imageName), lie) {
			t.Error("the image is not the lie; does Bazel know better now?")
		}
	})
}

// The cache goes away in the middle of a build that found everything until then.
func (c *cached) gone(t *testing.T) {
	leave := func(t *testing.T) *servers.Proxy {
		c.second.Run(t, "clean")
		p := proxy(t, c.cache)
		p.Do(servers.At(c.resultPath, servers.Gone))
		return p
	}
	said := c.build(t, leave(t), read)
	if s := only(t, c.second.Spawns(t), "PortableImage"); s.Runner != bazeltest.LinuxSandbox {
		t.Errorf("%v: its runner is %q", s, s.Runner)
	}
	c.sameImage(t, c.second)
	c.warns(t, said, "Connection refused")

	t.Run("control: without --remote_download_outputs=all the build fails", func(t *testing.T) {
		c.second.Fail(t, "Failed to fetch blobs", "build", "--remote_cache="+leave(t).Address, read, "--remote_download_toplevel", "//:image")
	})
}

// proxy starts one more proxy to a server.
func proxy(t *testing.T, s *servers.Server) *servers.Proxy {
	t.Helper()
	p, err := s.Proxy()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// again makes Bazel need the image action's result again, and no other one, and returns Bazel's output.
func (c *cached) again(t *testing.T, proxy *servers.Proxy, flags ...string) string {
	t.Helper()
	c.second.remove(t, imageName)
	return c.build(t, proxy, flags...)
}

func (c *cached) build(t *testing.T, proxy *servers.Proxy, flags ...string) string {
	t.Helper()
	return c.second.Run(t, "build", append([]string{"--remote_cache=" + proxy.Address, "//:image"}, flags...)...)
}

// madeHere verifies that the last build made the image on this machine, made nothing else, and
// made the right bytes, and that Bazel printed the warning, unless it is empty.
func (c *cached) madeHere(t *testing.T, said, warning string) {
	t.Helper()
	c.executed(t, "PortableImage of //:image")
	c.sameImage(t, c.second)
	c.warns(t, said, warning)
}

// warns verifies that Bazel warns of the cache with a text, or does not warn if the text is empty.
func (c *cached) warns(t *testing.T, said, text string) {
	t.Helper()
	if warned := strings.Contains(said, "WARNING: Remote Cache: "); warned != (text != "") || !strings.Contains(said, text) {
		t.Errorf("Bazel warned of the cache: %v; want %q", warned, text)
	}
}

// executed verifies that the last build executed exactly these spawns, in the sandbox and with
// success, and that all others were hits.
func (c *cached) executed(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, s := range c.second.Spawns(t) {
		switch {
		case s.CacheHit:
		case s.Runner != bazeltest.LinuxSandbox || s.Status != "" || s.ExitCode != 0:
			t.Errorf("%v: its runner is %q, status %q, exit code %d", s, s.Runner, s.Status, s.ExitCode)
			fallthrough
		default:
			got = append(got, s.String())
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("executed: %q, want %q", got, want)
	}
}

// change replaces a file of the cache for the rest of the test; nil removes it.
func (c *cached) change(t *testing.T, path string, by func(text []byte) []byte) {
	t.Helper()
	file := c.cache.File(path)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { replace(t, file, text) })
	replace(t, file, by(bytes.Clone(text)))
}

func replace(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if text == nil {
		return
	}
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
