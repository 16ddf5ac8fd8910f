package main

import (
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/bazeltest"
	"example.org/portable-walkthrough-go/tools/remote/servers"
)

// An action can't reach anything that is not declared. The negative control for each cage: with
// the cage open, the same action reaches all of it, or more of it.
func TestCanary(t *testing.T) {
	b := userBazel(t)
	bait := putBait(t, b)
	// The program first, so that only the canary itself is built elsewhere.
	b.Run(t, "build", "--action_env=CANARY_BAIT=read:/", caged)

	everything := bait.names()
	outside := []string{"/etc", "home", "hostname", "network", "process", "secret", "socket", "workspace", "write"}
	for _, cage := range []struct {
		name, target string
		runner       servers.Runner
		flags        []string
		// ran is what the execution log calls it.
		ran string
		// In the usual sandbox, what else of the machine can be read is not promised.
		reached, denied []string
	}{
		{name: "sandbox", ran: bazeltest.LinuxSandbox, target: caged, flags: []string{"--spawn_strategy=sandboxed"}, denied: []string{"env", "network", "process", "write"}},
		{name: "hermetic sandbox", ran: bazeltest.LinuxSandbox, target: caged, flags: []string{"--config=hermetic"}, denied: everything},
		{name: "remotely, declared inputs only", ran: bazeltest.Remote, target: caged, runner: servers.Bubblewrap, denied: everything},
		{name: "control: no sandbox", ran: "local", target: caged, flags: []string{"--strategy=Canary=local", "--action_env=CANARY_SECRET"}, reached: everything},
		// Without namespaces, Bazel silently uses this sandbox.
		{name: "control: a sandbox without namespaces", ran: bazeltest.ProcesswrapperSandbox, target: caged, flags: []string{"--spawn_strategy=processwrapper-sandbox"}, reached: outside, denied: []string{"env"}},
		{name: "control: requires-network", ran: bazeltest.LinuxSandbox, target: networked, flags: []string{"--spawn_strategy=sandboxed"}, reached: []string{"network"}, denied: []string{"env", "process", "write"}},
		{name: "control: requires-network, hermetic", ran: bazeltest.LinuxSandbox, target: networked, flags: []string{"--config=hermetic"}, reached: []string{"network"}, denied: []string{"env", "process", "secret", "socket", "write"}},
		{name: "control: remotely, in the engine's root", ran: bazeltest.Remote, target: caged, runner: servers.HostTools, reached: outside, denied: []string{"env"}},
	} {
		t.Run(cage.name, func(t *testing.T) {
			flags := append([]string{"--action_env=CANARY_BAIT=" + bait.words()}, cage.flags...)
			if cage.runner != "" {
				flags = append(flags, "--config=remote-exec", "--remote_executor="+buildBox(t, cage.runner, t.TempDir()).Address)
			}
			output := "tools/remote/canary/" + strings.TrimPrefix(cage.target, canaries) + ".txt"
			b.remove(t, output)
			if err := os.RemoveAll(strings.TrimPrefix(bait["write"], "write:")); err != nil {
				t.Fatal(err)
			}
			b.Run(t, "build", append(flags, cage.target)...)
			if s := only(t, b.Spawns(t), "Canary"); s.Runner != cage.ran || s.CacheHit {
				t.Errorf("its runner was %q, want %q", s.Runner, cage.ran)
			}
			said := string(b.read(t, output))
			got := bait.reached(t, said)
			for _, name := range cage.reached {
				if !slices.Contains(got, name) {
					t.Errorf("out of reach: %s. The canary said:\n%s", name, said)
				}
			}
			for _, name := range cage.denied {
				if slices.Contains(got, name) {
					t.Errorf("reached: %s. The canary said:\n%s", name, said)
				}
			}
		})
	}
}

// Nothing asks to be let out of the sandbox but the control, and the test that compares
// all BUILD files with what gazelle would write.
func TestNobodyLeavesTheSandbox(t *testing.T) {
	found := userBazel(t).Print(t, "query", `attr(tags, "\b(requires-network|no-sandbox|local)\b", //...)`)
	if want := "//tools/lint:gazelle_test\n" + networked + "\n"; found != want {
		t.Errorf("got %q, want %q", found, want)
	}
}

// No action looks for a C compiler, which would be no input of it. Nor would one if
// rules_go's flags did not reach tools, as in Bazel 10
// (--incompatible_exclude_starlark_flags_from_exec_config): then the platform of .bazelrc
// forbids it, and with the one that Bazel has for this machine, one would.
func TestNoActionCallsACCompiler(t *testing.T) {
	const config = "--@io_bazel_rules_go//go/config:"
	b := userBazel(t)
	all := []string{"deps(//:image)", "--noinclude_artifacts", "--noinclude_commandline"}
	withoutFlags := append(all, config+"pure=false", config+"static=false")
	for _, args := range [][]string{all, withoutFlags} {
		if actions := b.Print(t, "aquery", args...); strings.Contains(actions, "CGO_ENABLED=1") || !strings.Contains(actions, "CGO_ENABLED=0") {
			t.Errorf("an action builds with cgo: aquery %q: %s", args, actions)
		}
	}
	if actions := b.Print(t, "aquery", append(withoutFlags, "--host_platform=@platforms//host")...); !strings.Contains(actions, "CGO_ENABLED=1") {
		t.Error("with cgo there is no such action either: //tools/platforms can go")
	}
}

const (
	canaries  = "//tools/remote/canary:"
	caged     = canaries + "caged"
	networked = canaries + "networked"
)

// A baits has what the canary is to try, by what it stands for.
type baits map[string]string

// putBait puts there, for the time of the test, what should be out of reach.
func putBait(t *testing.T, b *bazel) baits {
	t.Helper()
	// Not in /tmp, of which each sandbox has its own; and short, since a socket's path
	// may have 107 bytes.
	place, err := os.MkdirTemp(b.Dir(), "bazel-canary")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(place) })
	secret := filepath.Join(place, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CANARY_SECRET", "secret")
	return baits{
		"/etc":      "read:/etc/passwd",
		"env":       "env:CANARY_SECRET",
		"home":      "read:" + home,
		"hostname":  "hostname:" + host,
		"process":   fmt.Sprintf("read:/proc/%d/cmdline", os.Getpid()),
		"network":   "tcp:" + listen(t, "tcp", "127.0.0.1:0"),
		"secret":    "read:" + secret,
		"socket":    "unix:" + listen(t, "unix", filepath.Join(place, "socket")),
		"workspace": "read:" + filepath.Join(b.Dir(), "MODULE.bazel"),
		"write":     "write:" + filepath.Join(place, "written"),
	}
}

// listen has a kernel queue answer, for the rest of the test.
func listen(t *testing.T, network, address string) string {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

func (b baits) names() []string { return slices.Sorted(maps.Keys(b)) }

// words are for $CANARY_BAIT.
func (b baits) words() string { return strings.Join(slices.Sorted(maps.Values(b)), ",") }

// reached returns the names of the baits that the canary reports as reached. It prints a line for each bait.
func (b baits) reached(t *testing.T, said string) []string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if len(lines) != len(b) {
		t.Fatalf("the canary tried %d of %d: %s", len(lines), len(b), said)
	}
	var names []string
	for _, name := range b.names() {
		if slices.Contains(lines, "reached "+b[name]) {
			names = append(names, name)
		}
	}
	return names
}
