package proof

import (
	"strings"
	"sync/atomic"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/execlog"
	"example.org/portable-walkthrough-go/tools/remote/faults"
)

// asksResult is the call that asks for the result of an action.
const asksResult = "/build.bazel.remote.execution.v2.ActionCache/GetActionResult"

// Who only reads, and executes here, finds all that was executed remotely; and builds the
// rest if the cache goes away.
func overGRPC(t *testing.T, engine string, want []byte) {
	// No results but the engine's.
	b := newBazel(t)
	proxy := faults.Start(t, engine)
	b.Run(t, "build", "--config=remote-cache-read", "--disk_cache=", "--remote_cache="+proxy.Address, "//:image")
	spawns := b.spawns(t)
	for _, s := range spawns {
		if s.Runner != execlog.RemoteCacheHit || !s.CacheHit {
			t.Errorf("%v: its runner is %q", s, s.Runner)
		}
	}
	b.compare(t, want)
	asked := int32(0)
	for _, e := range proxy.Exchanges() {
		switch {
		case e.Path == asksResult:
			asked++
		case strings.Contains(e.Path, "/Update") || strings.Contains(e.Path, "/Write") || strings.Contains(e.Path, "/BatchUpdate"):
			t.Errorf("%s by who only reads", e.Path)
		}
	}
	t.Logf("%d spawns, all hits; %d results were asked for", len(spawns), asked)

	// All but the last results: to compile again takes long.
	var left atomic.Int32
	left.Store(asked - 5)
	proxy.Do(func(_, path string) faults.Fault {
		if path == asksResult && left.Add(-1) < 0 {
			return faults.Gone
		}
		return faults.None
	})
	b.Run(t, "clean")
	said := b.Run(t, "build", "--config=remote-cache-read", "--disk_cache=", "--remote_cache="+proxy.Address, "//:image")
	hits := 0
	spawns = b.spawns(t)
	for _, s := range spawns {
		switch {
		case s.CacheHit:
			hits++
		case s.Runner != execlog.LinuxSandbox:
			t.Errorf("%v: its runner is %q", s, s.Runner)
		}
	}
	if hits == 0 || hits == len(spawns) {
		t.Errorf("%d of %d are hits; the cache was to go away in the middle", hits, len(spawns))
	}
	if s := image(t, spawns); s.CacheHit {
		t.Errorf("%v was a hit", s)
	}
	b.compare(t, want)
	if says := "WARNING: Remote Cache: UNAVAILABLE"; !strings.Contains(said, says) {
		t.Errorf("Bazel does not say %q", says)
	}
	t.Logf("%d spawns, %d hits", len(spawns), hits)
}
