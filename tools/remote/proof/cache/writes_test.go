package cache

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/faults"
	"example.org/portable-walkthrough-go/tools/remote/httpcache"
)

// Who may write fills the cache; a cache that takes nothing does no harm.
func (p *proof) writes(t *testing.T) {
	p.b.Edit(t, unit, before, after)
	defer p.b.Edit(t, unit, after, before)
	p.proxy.Do(func(method, _ string) faults.Fault {
		if method == http.MethodPut {
			return faults.Full
		}
		return faults.None
	})
	said := p.build(t, p.proxy.Address, write)
	p.executed(t, imageAndChecks...)
	warns(t, said, "507 Insufficient Storage")
	edited := p.b.Output(t, imageName)

	p.proxy.Do(nil)
	p.again(t, p.proxy.Address, write)
	p.executed(t, "PortableImage of //:image")
	if !bytes.Equal(p.b.Output(t, imageName), edited) {
		t.Error("while the cache was full, the image was another one")
	}
	// The next run shall find the cache as this one did.
	put := 0
	for _, e := range p.proxy.Exchanges() {
		if e.Method == http.MethodPut && e.Status == http.StatusCreated {
			put++
			t.Cleanup(func() { replace(t, p.cache.File(e.Path), nil) })
		}
	}
	if put == 0 {
		t.Error("nothing was written")
	}

	p.again(t, p.proxy.Address, read)
	p.executed(t)
	if !bytes.Equal(p.b.Output(t, imageName), edited) {
		t.Error("what comes out of the cache is not what was put in")
	}
}

// A cache over TLS that lets everybody read, and only who has the password write.
func (p *proof) guarded(t *testing.T) {
	certificate, key, err := httpcache.Fixture(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	cache, err := httpcache.Start(context.Background(), httpcache.Options{
		Storage: *storage, Log: t.Output(), Writers: []string{"ci:right"}, Certificate: certificate, Key: key,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cache.Close(); err != nil {
			t.Error(err)
		}
	})
	trusted := "--tls_certificate=" + certificate
	result := p.cache.File(p.resultPath())

	p.again(t, cache.Address, read, trusted)
	p.executed(t)
	p.sameImage(t)

	p.madeHere(t, p.again(t, cache.Address, read), "WARNING: Remote Cache: ")

	// As if it was new.
	p.change(t, p.resultPath(), func([]byte) []byte { return nil })
	netrc := func(password string) {
		p.b.Netrc(t, "machine 127.0.0.1 login ci password "+password+"\n")
	}
	for _, refused := range []string{"", "wrong"} {
		if refused != "" {
			netrc(refused)
		}
		p.madeHere(t, p.again(t, cache.Address, write, trusted), "401 Unauthorized")
		if _, err := os.Stat(result); err == nil {
			t.Errorf("with the password %q the result was written", refused)
		}
	}
	netrc("right")
	p.again(t, cache.Address, write, trusted)
	p.executed(t, "PortableImage of //:image")
	if _, err := os.Stat(result); err != nil {
		t.Errorf("with the right password the result was not written: %v", err)
	}
}
