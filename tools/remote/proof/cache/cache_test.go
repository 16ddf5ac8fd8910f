// Package cache holds that another checkout, of somebody else, finds everything in a real
// HTTP cache, and that a cache that is broken, poisoned, full or gone does no harm. It
// starts Bazel, so it is no test for bazel test: ../../README.md tells how to run it.
package cache

import (
	"bytes"
	"context"
	"flag"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/execlog"
	"example.org/portable-walkthrough-go/tools/remote/faults"
	"example.org/portable-walkthrough-go/tools/remote/httpcache"
	"example.org/portable-walkthrough-go/tools/remote/proof/checkout"
)

var (
	targets = flag.String("targets", "//:image //:image_all //units/... //service/counter/... //service/visits/...",
		"what is built and tested in both checkouts; //:image and //:image_all must be among it")
	storage = flag.String("storage", "", "a directory that the cache keeps, for the next run; default: a temporary one")
)

const (
	read  = "--config=remote-cache-read"
	write = "--config=remote-cache"
)

// A proof has a cache that a first checkout has filled, and a second checkout.
type proof struct {
	cache *httpcache.Cache
	// proxy stands before the cache.
	proxy *faults.Proxy
	// filled are the spawns of the build that filled it.
	filled []*execlog.Spawn
	// image is the image that it made, and making that spawn; images are those for all
	// machines.
	image  []byte
	making *execlog.Spawn
	images map[string][]byte
	// b is the second checkout.
	b *checkout.Checkout
}

// The parts build on each other: a later one needs what the first one put into the cache.
func TestCache(t *testing.T) {
	p := new(proof)
	p.start(t)
	t.Run("a first checkout fills the cache", p.fill)
	if t.Failed() {
		return
	}
	p.b = checkout.New(t, checkout.Options{
		Name:      "b/a/deeper/path",
		Umask:     "077",
		OtherUser: true,
		OwnWorld:  true,
		Env:       []string{"TZ=Pacific/Kiritimati", "LANG=C", "LC_ALL=C", "USER=bob", "LOGNAME=bob", "EDITOR=bobs"},
	})
	t.Run("a second checkout finds everything", p.hits)
	if t.Failed() {
		return
	}
	// The controls of that, too: a miss is seen, and its cause is named.
	t.Run("one edited unit: the image action and the checks", p.editedUnit)
	t.Run("one variable more for a test", p.otherVariable)
	t.Run("a bad entry", p.badEntries)
	t.Run("control: what keeps bad entries out", p.keptOut)
	t.Run("a cache with a fault", p.faults)
	t.Run("a cache that goes away", p.gone)
	t.Run("what the cache has lost when it is needed", p.evicted)
	t.Run("writing", p.writes)
	t.Run("passwords and TLS", p.guarded)
}

func (p *proof) start(t *testing.T) {
	if *storage == "" {
		*storage = t.TempDir()
	}
	var err error
	p.cache, err = httpcache.Start(context.Background(), httpcache.Options{Storage: *storage, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.cache.Close(); err != nil {
			t.Error(err)
		}
	})
	p.proxy = faults.Start(t, p.cache.Address)
}

// fill builds in a repository of its own, so that the workspace status differs too.
func (p *proof) fill(t *testing.T) {
	a := checkout.New(t, checkout.Options{Name: "a", Git: true})
	cache := "--remote_cache=" + p.proxy.Address
	// Alone at first: among images for all machines there are several of that name.
	a.Bazel(t, "build", write, cache, "//:image")
	p.image = a.Output(t, imageName)
	p.filled = spawns(t, a)
	p.making = making(t, p.filled)
	a.Bazel(t, "test", append([]string{write, cache}, strings.Fields(*targets)...)...)
	p.filled = append(p.filled, spawns(t, a)...)
	for _, s := range p.filled {
		sandboxed(t, s)
	}
	if p.images = a.Outputs(t, imageNames); len(p.images) < 2 {
		t.Errorf("there are %d images for all machines", len(p.images))
	}
	for _, path := range []string{p.resultPath(), p.blobPath()} {
		if _, err := os.Stat(p.cache.File(path)); err != nil {
			t.Errorf("of the image action the cache has no %v", err)
		}
	}
	logTraffic(t, p.proxy.Exchanges())
}

func (p *proof) hits(t *testing.T) {
	p.proxy.Do(nil)
	p.b.Bazel(t, "test", append([]string{read, "--remote_cache=" + p.proxy.Address}, strings.Fields(*targets)...)...)
	now := spawns(t, p.b)
	hits := 0
	for _, s := range now {
		switch {
		case s.Runner == execlog.RemoteCacheHit && s.CacheHit:
			hits++
		default:
			t.Errorf("%v: its runner is %q", s, s.Runner)
		}
	}
	if hits != len(p.filled) {
		t.Errorf("%d hits, but %d spawns filled the cache", hits, len(p.filled))
	}
	p.sameImage(t)
	if images := p.b.Outputs(t, imageNames); !maps.EqualFunc(images, p.images, bytes.Equal) {
		t.Errorf("of the images %q some have other bytes than %q", slices.Sorted(maps.Keys(images)), slices.Sorted(maps.Keys(p.images)))
	}
	for _, e := range p.proxy.Exchanges() {
		if e.Method != http.MethodGet {
			t.Errorf("%s of %s by who only reads", e.Method, e.Path)
		}
	}
	logTraffic(t, p.proxy.Exchanges())
	t.Logf("%d spawns, %d hits", len(now), hits)
}

// The image as a unit's edit makes it.
const (
	unit          = "units/portable-walkthrough-go.service"
	before, after = "\nDescription=", "\nDescription=Edited: "
)

var imageAndChecks = []string{"PortableCheck of //:image", "PortableImage of //:image"}

func (p *proof) editedUnit(t *testing.T) {
	p.b.Edit(t, unit, before, after)
	defer p.b.Edit(t, unit, after, before)
	p.fresh(t, read)
	p.executed(t, imageAndChecks...)
	if bytes.Equal(p.b.Output(t, imageName), p.image) {
		t.Error("the image has the same bytes as before the edit")
	}
}

func (p *proof) otherVariable(t *testing.T) {
	p.b.Bazel(t, "test", read, "--remote_cache="+p.proxy.Address, "--test_env=CONTROL=yes", "//units/...")
	p.executed(t, "TestRunner of //units:units_test")
}
