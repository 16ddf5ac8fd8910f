package proof

import (
	"os"
	"path/filepath"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/execlog"
)

// marker is part of every secret, and of nothing else.
const marker = "leaky-canary"

// secretHeader is what a cluster wants to see of its users.
const secretHeader = "--remote_header=authorization=Bearer " + marker + "-token"

// plantSecrets gives the test, and each Bazel that it starts from then on, an environment
// as developers have it.
func plantSecrets(t *testing.T) {
	t.Helper()
	// The caches stay where they are.
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CACHE_HOME", cache)
	home := filepath.Join(t.TempDir(), marker)
	if err := os.Mkdir(home, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("HOME", home)
	t.Setenv("PATH", os.Getenv("PATH")+":"+filepath.Join(home, "bin"))
	for _, variable := range []string{"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN", "HOSTNAME", "LOGNAME", "NPM_TOKEN", "USER"} {
		t.Setenv(variable, marker)
	}
}

// private are texts that no action's key may hold: the secrets, among them what the
// environment calls user and host, and where this checkout and its outputs are.
func (b *bazel) private(t *testing.T) []string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	return []string{marker, b.Dir(), b.info(t, "output_base"), cache}
}

// search looks for private texts in the log of the last build.
func (b *bazel) search(t *testing.T) []execlog.Leak {
	t.Helper()
	log, err := os.Open(b.Log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	private := b.private(t)
	leaks, err := execlog.Leaks(log, private...)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d spawns searched for %q", len(b.spawns(t)), private)
	return leaks
}

// mustNotLeak wants none of them to be there.
func (b *bazel) mustNotLeak(t *testing.T) {
	t.Helper()
	for _, leak := range b.search(t) {
		t.Error(leak)
	}
}
