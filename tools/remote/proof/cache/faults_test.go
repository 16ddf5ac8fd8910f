package cache

import (
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/faults"
)

// The cache fails just when it is asked for the image; the image is made here, and right.
func (p *proof) faults(t *testing.T) {
	for _, c := range []struct {
		name  string
		path  string
		fault faults.Fault
		args  []string
		says  string
	}{
		{"status 500 for the result", p.resultPath(), faults.Broken, nil, "500 Internal Server Error"},
		{"status 500 for the blob", p.blobPath(), faults.Broken, nil, "500 Internal Server Error"},
		{"no answer for the result", p.resultPath(), faults.Stalled, []string{"--remote_timeout=2s"}, "Download of '" + p.resultPath() + "' timed out"},
		{"no answer for the blob", p.blobPath(), faults.Stalled, []string{"--remote_timeout=2s"}, "Download of '" + p.blobPath() + "' timed out"},
		{"half of the blob", p.blobPath(), faults.Cut, nil, "WARNING: Remote Cache: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy := faults.Start(t, p.cache.Address)
			proxy.Do(faults.At(c.path, c.fault))
			p.madeHere(t, p.again(t, proxy.Address, append([]string{read}, c.args...)...), c.says)
			if proxy.Faults() == 0 {
				t.Error("nothing was asked for that fails")
			}
		})
	}
}

// The cache goes away in the middle of a build that found everything there until then.
func (p *proof) gone(t *testing.T) {
	proxy := faults.Start(t, p.cache.Address)
	proxy.Do(faults.At(p.resultPath(), faults.Gone))
	p.b.Bazel(t, "clean")
	said := p.build(t, proxy.Address, read)
	// And perhaps what else was not asked for yet.
	if s := making(t, spawns(t, p.b)); s.CacheHit {
		t.Errorf("%v: was a hit", s)
	}
	p.sameImage(t)
	warns(t, said, "Connection refused")

	// The control: the reason for --remote_download_outputs=all.
	p.b.Bazel(t, "clean")
	proxy = faults.Start(t, p.cache.Address)
	proxy.Do(faults.At(p.resultPath(), faults.Gone))
	said, err := p.b.Try(t, "build", "--remote_cache="+proxy.Address, "//:image", read, "--remote_download_toplevel")
	if err == nil || !strings.Contains(said, "Failed to fetch blobs") {
		t.Errorf("with toplevel: got %v, want a failure to fetch blobs", err)
	}
}
