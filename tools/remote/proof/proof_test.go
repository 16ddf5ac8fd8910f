// Package proof holds what is promised of remote execution: the image's bytes are the same,
// and actions reach nothing and are told nothing that is not theirs. It starts Bazel, so
// it is no test for bazel test: README.md tells how to run it.
package proof

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/engine"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
	"example.org/portable-walkthrough-go/tools/remote/faults"
)

// The parts build on each other: a later one finds what an earlier one built.
func TestSameBitsRemotely(t *testing.T) {
	// As the user's own Bazel builds it, by default on this machine.
	user := userBazel(t)
	user.Run(t, "build", "//:image")
	want := user.read(t, imageName)
	plantSecrets(t)
	b := newBazel(t)
	storage := t.TempDir()

	var address string
	t.Run("whole build", func(t *testing.T) {
		address = startEngine(t, engine.HostTools, storage)
		b.Run(t, "build", "--config=remote-exec", "--remote_executor="+address, secretHeader, "//:image")
		executed, spawns := 0, b.spawns(t)
		for _, s := range spawns {
			err := s.ExecutedRemotely()
			switch {
			case err == nil:
				executed++
			case s.Runner != execlog.RemoteCacheHit:
				// A hit is right: the cache was empty, so that this build executed the same
				// action before, for another configuration.
				t.Error(err)
			}
		}
		if err := image(t, spawns).ExecutedRemotely(); err != nil {
			t.Error(err)
		}
		b.compare(t, want)
		b.mustNotLeak(t)
		t.Logf("%d spawns: %d executed remotely", len(spawns), executed)

		// With a shell in the engine's root, this works.
		b.Run(t, "build", "--config=remote-exec", "--remote_executor="+address, shell)
	})
	if t.Failed() {
		return
	}

	t.Run("a cache over gRPC", func(t *testing.T) { overGRPC(t, startEngine(t, engine.HostTools, storage), want) })

	t.Run("image action in a root of declared inputs", func(t *testing.T) {
		address = startEngine(t, engine.Bubblewrap, storage)
		b.remove(t, imageName)
		b.Run(t, "build", "--config=remote-exec", "--remote_executor="+address, "--noremote_accept_cached", "//:image")
		if err := image(t, b.spawns(t)).ExecutedRemotely(); err != nil {
			t.Error(err)
		}
		b.compare(t, want)

		// The negative control of that root: nothing is there that was not declared.
		b.remove(t, shellOutput)
		b.Fail(t, "/bin/bash", "build", "--config=remote-exec", "--remote_executor="+address, "--noremote_accept_cached", shell)
	})

	t.Run("properties of the execution group arrive at the image action, and there alone", func(t *testing.T) {
		address = startEngine(t, engine.Bubblewrap, storage)
		b.Run(t, "build", "--config=remote-exec", "--remote_executor="+address, "--output_groups=+manifest", onLinux)
		properties := make(map[string][]execlog.Variable)
		for _, s := range b.spawns(t) {
			properties[s.Mnemonic] = s.Platform.Properties
		}
		for _, mnemonic := range []string{"OsRelease", "PortableCheck", "PortableImage", "PortableManifest", "PortableVerdict"} {
			var want []execlog.Variable
			if mnemonic == "PortableImage" {
				want = []execlog.Variable{{Name: "OSFamily", Value: "linux"}}
			}
			if got, ok := properties[mnemonic]; !ok || !slices.Equal(got, want) {
				t.Errorf("%s (executed: %v) has the properties %v, want %v", mnemonic, ok, got, want)
			}
		}

		// A property that no worker has: the engine is asked for it, and refuses.
		b.Fail(t, `Unsupported OSFamily "plan9"`, "build", "--config=remote-exec", "--remote_executor="+address, "--remote_retries=0", onPlan9)
	})

	t.Run("control: a local action is told from a remote one", func(t *testing.T) {
		address = startEngine(t, engine.HostTools, storage)
		b.remove(t, imageName)
		b.Run(t, "build", "--config=remote-exec", "--remote_executor="+address, "--noremote_accept_cached", "--strategy=PortableImage=local", "//:image")
		if err := image(t, b.spawns(t)).ExecutedRemotely(); err == nil {
			t.Error("an image action with the strategy local was taken for a remote one")
		}
		b.compare(t, want)
	})

	t.Run("control: a result from the cache is told from an executed one", func(t *testing.T) {
		address = startEngine(t, engine.HostTools, storage)
		b.remove(t, imageName)
		b.Run(t, "build", "--config=remote-exec", "--remote_executor="+address, "//:image")
		if err := image(t, b.spawns(t)).ExecutedRemotely(); err == nil {
			t.Error("an image action that the cache answered was taken for an executed one")
		}
		b.compare(t, want)
	})

	t.Run("the engine goes away: the build fails", func(t *testing.T) {
		proxy := faults.Start(t, startEngine(t, engine.HostTools, storage))
		proxy.Do(faults.At("/build.bazel.remote.execution.v2.Execution/Execute", faults.Gone))
		b.remove(t, imageName)
		b.Fail(t, "failed: (Exit 34): UNAVAILABLE", "build", "--config=remote-exec", "--remote_executor="+proxy.Address, "--noremote_accept_cached", "//:image")
		if proxy.Faults() != 1 {
			t.Errorf("it went away %d times", proxy.Faults())
		}
		if _, err := os.Stat(b.image()); err == nil {
			t.Errorf("%s is there all the same", b.image())
		}
	})

	t.Run("control: without an engine the build fails", func(t *testing.T) {
		b.remove(t, imageName)
		// Where the last one was.
		b.Fail(t, "Failed to query remote execution capabilities: UNAVAILABLE", "build", "--config=remote-exec", "--remote_executor="+address, "//:image")
		if _, err := os.Stat(b.image()); err == nil {
			t.Errorf("%s is there all the same", b.image())
		}
	})

	// The rest is built here, with this machine's caches.
	t.Run("no key of images, checks and tests has anything of the client", func(t *testing.T) {
		b.Run(t, "test", "//:image_all", "//units/...", "//rootfs/...", "//service/counter/...", "//tools/mkportable/...", "//bzl/examples/...")
		b.mustNotLeak(t)
	})

	for flag, variable := range map[string]string{
		"--action_env=AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
		// What .bazelrc has is the reason that the shell's PATH is in no key.
		"--noincompatible_strict_action_env": "PATH",
	} {
		t.Run("control: a secret is found that is there with "+flag, func(t *testing.T) {
			b.Run(t, "build", flag, shell)
			found := false
			for _, leak := range b.search(t) {
				if leak.Name != variable || leak.Spawn != "Genrule of "+shell {
					t.Errorf("%v, want leaks in the variable %s of %s alone", leak, variable, shell)
				}
				found = found || leak.Forbidden == marker
			}
			if !found {
				t.Errorf("no %q is found", marker)
			}
		})
	}
}

// shell is a target whose action calls what it does not declare: a shell.
const shell = "//tools/remote/proof:shell"

// Images whose image action asks for a worker with that operating system.
const (
	onLinux = "//tools/remote/proof:on_linux"
	onPlan9 = "//tools/remote/proof:on_plan9"
)

// Outputs, below bazel-bin.
const (
	imageName   = "portable-walkthrough-go.raw"
	shellOutput = "tools/remote/proof/shell.txt"
)

// startEngine starts one for the rest of the test.
func startEngine(t *testing.T, runner engine.Runner, storage string) (address string) {
	t.Helper()
	e, err := engine.Start(context.Background(), engine.Options{Runner: runner, Storage: storage, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e.Address
}

// image finds the image action's spawn.
func image(t *testing.T, spawns []*execlog.Spawn) *execlog.Spawn {
	t.Helper()
	return only(t, spawns, "PortableImage")
}

// only finds the one spawn of a mnemonic.
func only(t *testing.T, spawns []*execlog.Spawn, mnemonic string) *execlog.Spawn {
	t.Helper()
	var found []*execlog.Spawn
	for _, s := range spawns {
		if s.Mnemonic == mnemonic {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spawns of %s among %d, want 1", len(found), mnemonic, len(spawns))
	}
	return found[0]
}

func (b *bazel) compare(t *testing.T, want []byte) {
	t.Helper()
	if !bytes.Equal(b.read(t, imageName), want) {
		t.Errorf("the image has other bytes than the one that was built locally; tools/imagediff tells which")
	}
}
