// Package proof tests caches and remote execution on real servers: the image has the same
// bytes everywhere, another checkout finds everything, actions reach nothing and are given
// nothing that is not theirs, and a bad cache does no harm. It starts Bazel, and runs under
// bazel run only: ../README.md tells how.
package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/bazeltest"
	"example.org/portable-walkthrough-go/tools/remote/servers"
)

const (
	// marker is part of every secret, and of nothing else.
	marker = "leaky-canary"
	// secretHeader authenticates a user to a cluster.
	secretHeader = "--remote_header=authorization=Bearer " + marker + "-token"
	// shell is a target whose action calls a program that it does not declare: a shell.
	shell       = "//tools/remote:shell"
	shellOutput = "tools/remote/shell.txt"
	// onLinux is an image whose image action asks for a worker with that operating system.
	onLinux = "//tools/remote:on_linux"
)

// targets are what a checkout builds and tests, beside //:image.
// They are tested in the configuration of a build, without go vet: so nothing is made twice.
var targets = []string{"--//tools/lint:vet=false", "//:image", "//:image_arm64", "//units/...", "//service/counter/..."}

// A proof has what its parts share. The later ones find what the earlier ones built.
type proof struct {
	// storage has all that BuildBox keeps.
	storage string
	// image is the image as the user's own Bazel builds it, and images all that the first
	// checkout built; filled counts that checkout's spawns.
	image  []byte
	images map[string][]byte
	filled int
	// making is the image action's spawn.
	making *bazeltest.Spawn
	// first and second are the checkouts.
	first, second *bazel
}

func TestRemote(t *testing.T) {
	user := userBazel(t)
	user.Run(t, "build", "//:image")
	p := &proof{storage: t.TempDir(), image: user.read(t, imageName)}
	p.first = checkout{dir: "a/" + marker, umask: 0o022, git: true, env: secrets()}.new(t)
	inOrder(t, []part{
		{"remote execution makes the same bytes", p.executes},
		{"no secret and no path of the client is in a key", p.keepsSecrets},
		{"the image action in a root of declared inputs", p.declaredInputs},
		{"controls of remote execution", p.controls},
		{"another checkout has only hits", p.another},
	})
}

// A part of a proof is a test of its own, which finds what the parts before it built.
type part struct {
	name string
	run  func(*testing.T)
}

// inOrder runs the parts up to the first that fails.
func inOrder(t *testing.T, parts []part) {
	t.Helper()
	for _, p := range parts {
		if !t.Run(p.name, p.run) {
			return
		}
	}
}

// buildBox starts an engine for the rest of the test.
func buildBox(t *testing.T, runner servers.Runner, storage string) *servers.Server {
	t.Helper()
	return started(t, storage, func(o servers.Options) (*servers.Server, error) { return servers.BuildBox(o, runner, 0) })
}

func started(t *testing.T, storage string, start func(servers.Options) (*servers.Server, error)) *servers.Server {
	t.Helper()
	s, err := start(servers.Options{Storage: storage, Log: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (p *proof) executes(t *testing.T) {
	remote := []string{"--config=remote-exec", "--remote_executor=" + buildBox(t, servers.HostTools, p.storage).Address, secretHeader}
	executed := 0
	run := func(command string, targets ...string) []*bazeltest.Spawn {
		p.first.Run(t, command, slices.Concat(remote, targets)...)
		spawns := p.first.Spawns(t)
		for _, s := range spawns {
			if err := s.ExecutedRemotely(); err == nil {
				executed++
			} else if s.Runner != bazeltest.RemoteCacheHit {
				// A hit is right: the storage was empty, so this build executed the same
				// action before, for another configuration.
				t.Error(err)
			}
			p.mustNotLeak(t, s)
		}
		return spawns
	}
	spawns := run("build", "//:image")
	p.making = only(t, spawns, "PortableImage")
	if err := p.making.ExecutedRemotely(); err != nil {
		t.Error(err)
	}
	p.sameImage(t, p.first)
	p.filled = len(spawns) + len(run("test", targets...))
	p.images = images(t, p.first)
	// With a shell in the engine's root this works.
	run("build", shell)
	t.Logf("%d spawns, %d executed remotely", p.filled, executed)
}

// secrets are an environment as developers have it.
func secrets() []string {
	env := []string{"PATH=" + os.Getenv("PATH") + ":/home/" + marker + "/bin"}
	for _, variable := range []string{"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HOSTNAME", "LOGNAME", "NPM_TOKEN", "USER"} {
		env = append(env, variable+"="+marker)
	}
	return env
}

// mustNotLeak verifies that the key has no secret, and no path of the checkout, its HOME, its
// outputs and its caches. The directory of the first two has the marker in its path.
func (p *proof) mustNotLeak(t *testing.T, s *bazeltest.Spawn) {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range s.Leaks(marker, filepath.Dir(p.first.Log), cache) {
		t.Error(leak)
	}
}

// The keys of images, checks and tests were searched while they were built.
func (p *proof) keepsSecrets(t *testing.T) {
	for flag, variable := range map[string]string{
		"--action_env=AWS_SECRET_ACCESS_KEY": "AWS_SECRET_ACCESS_KEY",
		// .bazelrc's opposite keeps the shell's PATH out of the keys.
		"--noincompatible_strict_action_env": "PATH",
	} {
		t.Run("control: "+flag, func(t *testing.T) {
			p.first.Run(t, "build", flag, shell)
			leaks := only(t, p.first.Spawns(t), "Genrule").Leaks(marker)
			if len(leaks) != 1 || leaks[0].Name != variable {
				t.Errorf("got %v, want a leak in the variable %s", leaks, variable)
			}
		})
	}
}

func (p *proof) declaredInputs(t *testing.T) {
	remote := []string{"--config=remote-exec", "--noremote_accept_cached", "--remote_executor=" + buildBox(t, servers.Bubblewrap, p.storage).Address}
	p.first.remove(t, imageName)
	p.first.Run(t, "build", append(remote, "//:image")...)
	if err := only(t, p.first.Spawns(t), "PortableImage").ExecutedRemotely(); err != nil {
		t.Error(err)
	}
	p.sameImage(t, p.first)

	t.Run("control: what was not declared is not there", func(t *testing.T) {
		p.first.remove(t, shellOutput)
		p.first.Fail(t, "/bin/bash", "build", append(remote, shell)...)
	})

	mnemonics := []string{"OsRelease", "PortableCheck", "PortableImage", "PortableManifest", "PortableVerdict"}
	build := func(t *testing.T, flags ...string) []*bazeltest.Spawn {
		p.first.Run(t, "build", slices.Concat(remote, flags, []string{"--output_groups=+manifest", onLinux})...)
		return p.first.Spawns(t)
	}
	var spawns []*bazeltest.Spawn
	t.Run("properties of the execution group reach the image action alone", func(t *testing.T) {
		spawns = build(t)
		for _, mnemonic := range mnemonics {
			var want []bazeltest.Variable
			if mnemonic == "PortableImage" {
				want = []bazeltest.Variable{{Name: "OSFamily", Value: "linux"}}
			}
			if got := only(t, spawns, mnemonic).Platform.Properties; !slices.Equal(got, want) {
				t.Errorf("%s has the properties %v, want %v", mnemonic, got, want)
			}
		}
	})
	t.Run("the same inputs have the same keys in another configuration", func(t *testing.T) {
		optimized := build(t, "-c", "opt")
		for _, mnemonic := range mnemonics {
			if got, want := only(t, optimized, mnemonic).Key, only(t, spawns, mnemonic).Key; got != want {
				t.Errorf("%s has the key %s with -c opt, %s without", mnemonic, got.Hash, want.Hash)
			}
		}
		// bazel-bin leads to the usual outputs again for what follows.
		defer build(t)
		// The control. Nothing else runs again for another level.
		quick := build(t, "-c", "opt", "--//bzl:compression_level=3")
		if len(quick) != 1 || only(t, quick, "PortableImage").Key == only(t, spawns, "PortableImage").Key {
			t.Errorf("with another level: %v, want PortableImage alone, with another key", quick)
		}
	})
}

// controls are negative controls: the checks of the other parts can fail.
func (p *proof) controls(t *testing.T) {
	engine := buildBox(t, servers.HostTools, p.storage)
	remote := []string{"--config=remote-exec", "--remote_executor=" + engine.Address, "//:image"}
	for name, flags := range map[string][]string{
		"a local action is not taken for a remote one":             {"--noremote_accept_cached", "--strategy=PortableImage=local", "--modify_execution_info=PortableImage=-supports-path-mapping"},
		"a result of the cache is not taken for one of the engine": nil,
	} {
		t.Run(name, func(t *testing.T) {
			p.first.remove(t, imageName)
			p.first.Run(t, "build", append(flags, remote...)...)
			if err := only(t, p.first.Spawns(t), "PortableImage").ExecutedRemotely(); err == nil {
				t.Error("it was")
			}
		})
	}
	t.Run("without an engine the build fails", func(t *testing.T) {
		if err := engine.Close(); err != nil {
			t.Fatal(err)
		}
		p.first.remove(t, imageName)
		p.first.Fail(t, "Failed to query remote execution capabilities: UNAVAILABLE", "build", remote...)
	})
}

func (p *proof) sameImage(t *testing.T, b *bazel) {
	t.Helper()
	if !bytes.Equal(b.read(t, imageName), p.image) {
		t.Error("the image has other bytes than the one that was built locally; tools/imagediff lists the differences")
	}
}

// images returns all images among the outputs.
func images(t *testing.T, b *bazel) map[string][]byte {
	t.Helper()
	found := make(map[string][]byte)
	for _, pattern := range []string{"*.raw", "*/*.raw"} {
		names, err := filepath.Glob(filepath.Join(b.bin, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name = strings.TrimPrefix(name, b.bin+"/")
			found[name] = b.read(t, name)
		}
	}
	if len(found) < 2 {
		t.Errorf("there are %d images, want one for each of two machines", len(found))
	}
	return found
}

// only finds the one spawn of a mnemonic.
func only(t *testing.T, spawns []*bazeltest.Spawn, mnemonic string) *bazeltest.Spawn {
	t.Helper()
	var found []*bazeltest.Spawn
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
