package proof

import (
	"os"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/engine"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

// A build by remote execution, of which the engine knows one action already.
func TestRemote(t *testing.T) {
	w := newWorkspace(t)
	e, err := engine.Start(t.Context(), engine.Options{Runner: engine.HostTools, Storage: t.TempDir(), Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	w.build(t, "remote-cold", "SUCCESS", "--remote_executor="+e.Address)
	w.clean(t)
	if err := os.RemoveAll(w.cache); err != nil {
		t.Fatal(err)
	}
	w.write(t, "grammar.txt", "one\ntwo\n")
	remote := w.build(t, "remote", "SUCCESS", "--remote_executor="+e.Address)
	runners := make(map[string]int)
	for _, s := range remote.log {
		runners[s.Runner]++
	}
	// What no cache may keep is executed there too.
	if runners[execlog.RemoteCacheHit] == 0 || runners[execlog.Remote] < 5 || len(runners) > 2 {
		t.Errorf("the runners were %v, want hits of the engine and what it executed", runners)
	}
}
