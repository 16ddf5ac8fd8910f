package cache

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/execlog"
	"example.org/portable-walkthrough-go/tools/remote/faults"
	"example.org/portable-walkthrough-go/tools/remote/proof/checkout"
)

// Outputs, below bazel-bin.
const (
	imageName  = "portable-walkthrough-go.raw"
	imageNames = "image_all/*.raw"
)

// resultPath and blobPath are where the cache has the image action's result, and the image.
func (p *proof) resultPath() string { return "/ac/" + p.making.Key.Hash }

func (p *proof) blobPath() string { return "/cas/" + p.making.Made[0].Value().Digest.Hash }

// fresh builds the image with nothing built before.
func (p *proof) fresh(t *testing.T, args ...string) {
	t.Helper()
	p.proxy.Do(nil)
	p.b.Bazel(t, "clean")
	p.build(t, p.proxy.Address, args...)
}

// again has only the image's action wanted once more, and returns what Bazel said.
func (p *proof) again(t *testing.T, address string, args ...string) string {
	t.Helper()
	p.b.Remove(t, imageName)
	return p.build(t, address, args...)
}

func (p *proof) build(t *testing.T, address string, args ...string) string {
	t.Helper()
	return p.b.Bazel(t, "build", append([]string{"--remote_cache=" + address, "//:image"}, args...)...)
}

// madeHere wants the image, and nothing else, to have been made here by the last build,
// and to be right, and Bazel to have said why, if there is anything to say.
func (p *proof) madeHere(t *testing.T, said, want string) {
	t.Helper()
	p.executed(t, "PortableImage of //:image")
	p.sameImage(t)
	warns(t, said, want)
}

// silence is that Bazel does not warn of the cache.
const silence = ""

// warns wants Bazel to warn of the cache, and to say something.
func warns(t *testing.T, said, want string) {
	t.Helper()
	switch warned := strings.Contains(said, "WARNING: Remote Cache: "); {
	case want == silence && warned:
		t.Error("Bazel warns of the cache, and should not")
	case want != silence && !(warned && strings.Contains(said, want)):
		t.Errorf("Bazel does not warn of the cache with %q", want)
	}
}

// executed wants exactly these spawns of the last build to have been executed, in the
// sandbox and with success, and all others to be hits.
func (p *proof) executed(t *testing.T, want ...string) {
	t.Helper()
	var got []string
	for _, s := range spawns(t, p.b) {
		if !s.CacheHit {
			got = append(got, s.String())
		}
		sandboxed(t, s)
		if s.Failed() {
			t.Errorf("%v failed", s)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("executed: %q, want %q", got, want)
	}
}

// sandboxed wants what was executed to have been in the sandbox that holds, not in what
// Bazel has where there are no namespaces.
func sandboxed(t *testing.T, s *execlog.Spawn) {
	t.Helper()
	if !s.CacheHit && s.Runner != execlog.LinuxSandbox && s.Runner != execlog.Deduplicated {
		t.Errorf("%v: its runner is %q, not %q", s, s.Runner, execlog.LinuxSandbox)
	}
}

func (p *proof) sameImage(t *testing.T) {
	t.Helper()
	if !bytes.Equal(p.b.Output(t, imageName), p.image) {
		t.Error("the image has other bytes than the one that filled the cache; tools/imagediff tells which")
	}
}

func spawns(t *testing.T, c *checkout.Checkout) []*execlog.Spawn {
	t.Helper()
	spawns, err := execlog.ReadFile(c.Log())
	if err != nil {
		t.Fatal(err)
	}
	return spawns
}

// making finds the image action's spawn.
func making(t *testing.T, spawns []*execlog.Spawn) *execlog.Spawn {
	t.Helper()
	for _, s := range spawns {
		if s.Mnemonic == "PortableImage" && s.TargetLabel == "//:image" {
			if s.Key.Hash == "" || len(s.Made) != 1 {
				t.Fatalf("%v has the key %+v and made %v", s, s.Key, s.Made)
			}
			return s
		}
	}
	t.Fatalf("no image action among %d spawns", len(spawns))
	return nil
}

// logTraffic tells how much went where.
func logTraffic(t *testing.T, exchanges []faults.Exchange) {
	t.Helper()
	var results, blobs struct{ requests, sent, received int64 }
	for _, e := range exchanges {
		sum := &blobs
		if len(e.Path) > 4 && e.Path[:4] == "/ac/" {
			sum = &results
		}
		sum.requests++
		sum.sent += e.Sent
		sum.received += e.Received
	}
	t.Logf("results: %d requests, %d bytes sent, %d received; blobs: %d requests, %d sent, %d received",
		results.requests, results.sent, results.received, blobs.requests, blobs.sent, blobs.received)
}
