// Package proof holds that the image's bytes are the same, built here or by remote
// execution. It starts Bazel, so it is no test for bazel test: README.md tells how to run
// it.
package proof

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/engine"
	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

// The parts build on each other: a later one finds what an earlier one built.
func TestSameBitsRemotely(t *testing.T) {
	want := local(t)
	b := newBazel(t)
	storage := t.TempDir()

	var address string
	t.Run("whole build", func(t *testing.T) {
		address = startEngine(t, engine.HostTools, storage)
		b.must(t, "build", "--remote_executor="+address, "//:image")
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
		t.Logf("%d spawns: %d executed remotely", len(spawns), executed)

		// With a shell in the engine's root, this works.
		b.must(t, "build", "--remote_executor="+address, shell)
	})
	if t.Failed() {
		return
	}

	t.Run("image action in a root of declared inputs", func(t *testing.T) {
		address = startEngine(t, engine.Bubblewrap, storage)
		b.remove(t, imageName)
		b.must(t, "build", "--remote_executor="+address, "--noremote_accept_cached", "//:image")
		if err := image(t, b.spawns(t)).ExecutedRemotely(); err != nil {
			t.Error(err)
		}
		b.compare(t, want)

		// The negative control of that root: nothing is there that was not declared.
		b.remove(t, shellOutput)
		b.mustFail(t, "/bin/bash", "build", "--remote_executor="+address, "--noremote_accept_cached", shell)
	})

	t.Run("control: a local action is told from a remote one", func(t *testing.T) {
		address = startEngine(t, engine.HostTools, storage)
		b.remove(t, imageName)
		b.must(t, "build", "--remote_executor="+address, "--noremote_accept_cached", "--strategy=PortableImage=local", "//:image")
		if err := image(t, b.spawns(t)).ExecutedRemotely(); err == nil {
			t.Error("an image action with the strategy local was taken for a remote one")
		}
		b.compare(t, want)
	})

	t.Run("control: a result from the cache is told from an executed one", func(t *testing.T) {
		address = startEngine(t, engine.HostTools, storage)
		b.remove(t, imageName)
		b.must(t, "build", "--remote_executor="+address, "//:image")
		if err := image(t, b.spawns(t)).ExecutedRemotely(); err == nil {
			t.Error("an image action that the cache answered was taken for an executed one")
		}
		b.compare(t, want)
	})

	t.Run("control: without an engine the build fails", func(t *testing.T) {
		b.remove(t, imageName)
		// Where the last one was.
		b.mustFail(t, "Failed to query remote execution capabilities: UNAVAILABLE", "build", "--remote_executor="+address, "//:image")
		if _, err := os.Stat(b.image()); err == nil {
			t.Errorf("%s is there all the same", b.image())
		}
	})
}

// shell is a target whose action calls what it does not declare: a shell.
const shell = "//tools/remote/proof:shell"

// Outputs, below bazel-bin.
const (
	imageName   = "portable-walkthrough-go.raw"
	shellOutput = "tools/remote/proof/shell.txt"
)

// startEngine starts one for the rest of the test.
func startEngine(t *testing.T, runner engine.Runner, storage string) (address string) {
	t.Helper()
	e, err := engine.Start(context.Background(), runner, storage, t.Output())
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
	var found []*execlog.Spawn
	for _, s := range spawns {
		if s.Mnemonic == "PortableImage" {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d image actions among %d spawns, want 1", len(found), len(spawns))
	}
	return found[0]
}

// A bazel builds this workspace.
type bazel struct {
	workspace string
	// outputBase is the user's own if empty.
	outputBase string
	log        string
	// bin is where bazel-bin leads.
	bin string
}

// local is the image as the user's own Bazel builds it, by default on this machine.
func local(t *testing.T) []byte {
	t.Helper()
	b := &bazel{workspace: workspace(t)}
	b.must(t, "build", "//:image")
	b.findBin(t)
	text, err := os.ReadFile(b.image())
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// newBazel has outputs of its own, so that nothing was built before, and the user's stay
// as they are.
func newBazel(t *testing.T) *bazel {
	t.Helper()
	scratch := t.TempDir()
	b := &bazel{
		workspace:  workspace(t),
		outputBase: filepath.Join(scratch, "base"),
		log:        filepath.Join(scratch, "log.json"),
	}
	// Ends the server, and removes what may be read-only.
	t.Cleanup(func() {
		if out, err := b.command("clean", "--expunge").CombinedOutput(); err != nil {
			t.Errorf("bazel clean: %v: %s", err, out)
		}
	})
	b.findBin(t)
	return b
}

func workspace(t *testing.T) string {
	t.Helper()
	path := os.Getenv("BUILD_WORKSPACE_DIRECTORY")
	if path == "" {
		t.Fatal("$BUILD_WORKSPACE_DIRECTORY is not set: start this with bazel run, not with bazel test")
	}
	return path
}

func (b *bazel) findBin(t *testing.T) {
	t.Helper()
	bin, err := b.command("info", "bazel-bin").Output()
	if err != nil {
		t.Fatalf("bazel info: %v", err)
	}
	b.bin = strings.TrimSpace(string(bin))
}

func (b *bazel) image() string { return filepath.Join(b.bin, imageName) }

func (b *bazel) command(command string, args ...string) *exec.Cmd {
	words := []string{command}
	if b.outputBase != "" {
		words = []string{"--output_base=" + b.outputBase, command}
	}
	if command == "build" {
		words = append(words, "--curses=no", "--show_progress_rate_limit=30")
	}
	if command == "build" && b.outputBase != "" {
		words = append(words,
			"--config=remote-exec",
			// bazel-bin is the user's.
			"--experimental_convenience_symlinks=ignore",
			"--execution_log_json_file="+b.log)
	}
	// As in tools/bazel, which Bazelisk hands over to with $BAZEL_REAL set.
	cmd := exec.Command(filepath.Join(b.workspace, "tools/bazel"), append(words, args...)...)
	cmd.Dir = b.workspace
	for _, variable := range os.Environ() {
		// What bazel run says to a test is not for another Bazel.
		if !strings.HasPrefix(variable, "TEST_") && !strings.HasPrefix(variable, "RUNFILES_") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	return cmd
}

func (b *bazel) must(t *testing.T, command string, args ...string) {
	t.Helper()
	cmd := b.command(command, args...)
	cmd.Stdout, cmd.Stderr = t.Output(), t.Output()
	if err := cmd.Run(); err != nil {
		t.Fatalf("bazel %s %s: %v", command, strings.Join(args, " "), err)
	}
}

// mustFail wants the build to fail and to say so.
func (b *bazel) mustFail(t *testing.T, text, command string, args ...string) {
	t.Helper()
	out, err := b.command(command, args...).CombinedOutput()
	switch {
	case err == nil:
		t.Errorf("bazel %s %s worked, and should not have: %s", command, strings.Join(args, " "), out)
	case !bytes.Contains(out, []byte(text)):
		t.Errorf("bazel %s %s failed, but not with %q: %s", command, strings.Join(args, " "), text, out)
	}
}

func (b *bazel) spawns(t *testing.T) []*execlog.Spawn {
	t.Helper()
	log, err := os.Open(b.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	spawns, err := execlog.Read(log)
	if err != nil {
		t.Fatal(err)
	}
	return spawns
}

// remove has Bazel want the result of one action once more, and of no other.
func (b *bazel) remove(t *testing.T, output string) {
	t.Helper()
	if err := os.Remove(filepath.Join(b.bin, output)); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
}

func (b *bazel) compare(t *testing.T, want []byte) {
	t.Helper()
	got, err := os.ReadFile(b.image())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the image has other bytes than the one that was built locally; tools/imagediff tells which")
	}
}
