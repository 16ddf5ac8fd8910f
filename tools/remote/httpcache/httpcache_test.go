package httpcache

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func start(t *testing.T, o Options) *Cache {
	t.Helper()
	o.Log = t.Output()
	c, err := Start(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(c.scratch); err == nil {
			t.Errorf("%s is left", c.scratch)
		}
	})
	return c
}

// ask returns an answer's status and body.
func ask(t *testing.T, client *http.Client, method, url string, body []byte, login ...string) (int, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if len(login) > 0 {
		request.SetBasicAuth(login[0], login[1])
	}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, text
}

var (
	key  = strings.Repeat("0a", 32)
	blob = bytes.Repeat([]byte("larger than a megabyte\n"), 1<<16)
)

func TestKeepsWhatItIsSent(t *testing.T) {
	storage := t.TempDir()
	for _, path := range []string{"/ac/" + key, "/cas/" + key} {
		t.Run(path, func(t *testing.T) {
			c := start(t, Options{Storage: storage})
			if status, _ := ask(t, http.DefaultClient, "GET", c.Address+path, nil); status != http.StatusNotFound {
				t.Errorf("before it is there: status %d, want 404", status)
			}
			if status, text := ask(t, http.DefaultClient, "PUT", c.Address+path, blob); status != http.StatusCreated {
				t.Errorf("PUT: status %d, want 201: %s", status, text)
			}
			if kept, err := os.ReadFile(c.File(path)); err != nil || !bytes.Equal(kept, blob) {
				t.Errorf("%s: %v, or other bytes", c.File(path), err)
			}
		})
		t.Run(path+" is there for the next one", func(t *testing.T) {
			c := start(t, Options{Storage: storage})
			if status, text := ask(t, http.DefaultClient, "GET", c.Address+path, nil); status != http.StatusOK || !bytes.Equal(text, blob) {
				t.Errorf("status %d, %d bytes, want 200 and %d bytes", status, len(text), len(blob))
			}
		})
	}
}

func TestRefuses(t *testing.T) {
	c := start(t, Options{Storage: t.TempDir()})
	ask(t, http.DefaultClient, "PUT", c.Address+"/cas/"+key, blob)
	for request, want := range map[string]int{
		"DELETE /cas/" + key:      http.StatusMethodNotAllowed,
		"GET /":                   http.StatusNotFound,
		"GET /cas/":               http.StatusNotFound,
		"PUT /cas/short":          http.StatusNotFound,
		"PUT /other/" + key:       http.StatusNotFound,
		"PUT /cas/../../" + key:   http.StatusBadRequest,
		"GET /cas/" + key + "/..": http.StatusNotFound,
	} {
		method, path, _ := strings.Cut(request, " ")
		if status, _ := ask(t, http.DefaultClient, method, c.Address+path, nil); status != want {
			t.Errorf("%s: status %d, want %d", request, status, want)
		}
	}
}

func TestOnlyWritersWrite(t *testing.T) {
	c := start(t, Options{Storage: t.TempDir(), Writers: []string{"ci:right"}})
	url := c.Address + "/ac/" + key
	if status, _ := ask(t, http.DefaultClient, "PUT", url, blob); status != http.StatusUnauthorized {
		t.Errorf("nobody wrote: status %d, want 401", status)
	}
	if status, _ := ask(t, http.DefaultClient, "PUT", url, blob, "ci", "wrong"); status != http.StatusUnauthorized {
		t.Errorf("a wrong password wrote: status %d, want 401", status)
	}
	if status, _ := ask(t, http.DefaultClient, "GET", url, nil); status != http.StatusNotFound {
		t.Errorf("what was refused is there: status %d, want 404", status)
	}
	if status, _ := ask(t, http.DefaultClient, "PUT", url, blob, "ci", "right"); status != http.StatusCreated {
		t.Errorf("a writer: status %d, want 201", status)
	}
	if status, text := ask(t, http.DefaultClient, "GET", url, nil); status != http.StatusOK || !bytes.Equal(text, blob) {
		t.Errorf("nobody read: status %d, want 200", status)
	}
}

func TestOnlyReadersRead(t *testing.T) {
	c := start(t, Options{Storage: t.TempDir(), Writers: []string{"ci:right"}, Readers: []string{"laptop:left"}})
	url := c.Address + "/ac/" + key
	for _, step := range []struct {
		method string
		login  []string
		want   int
	}{
		{"PUT", nil, http.StatusUnauthorized},
		{"PUT", []string{"laptop", "left"}, http.StatusUnauthorized},
		{"PUT", []string{"ci", "right"}, http.StatusCreated},
		{"GET", nil, http.StatusUnauthorized},
		{"GET", []string{"laptop", "wrong"}, http.StatusUnauthorized},
		{"GET", []string{"laptop", "left"}, http.StatusOK},
		{"GET", []string{"ci", "right"}, http.StatusOK},
	} {
		if status, _ := ask(t, http.DefaultClient, step.method, url, blob, step.login...); status != step.want {
			t.Errorf("%s as %q: status %d, want %d", step.method, step.login, status, step.want)
		}
	}
}

func TestTLS(t *testing.T) {
	directory := t.TempDir()
	certificate, key, err := Fixture(directory)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{Storage: t.TempDir(), Certificate: certificate, Key: key})
	client := trusting(t, certificate)
	if status, _ := ask(t, client, "GET", c.Address+"/cas/"+strings.Repeat("0", 64), nil); status != http.StatusNotFound {
		t.Errorf("status %d, want 404", status)
	}
	if answer, err := http.Get(c.Address); err == nil {
		answer.Body.Close()
		t.Error("who does not know the certificate was content")
	}
}

// trusting is a client that trusts a certificate, and has some to show.
func trusting(t *testing.T, certificate string, own ...tls.Certificate) *http.Client {
	t.Helper()
	text, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: own}}}
}

func TestOnlyClientsWithCertificates(t *testing.T) {
	certificate, serverKey, err := Fixture(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	known, knownKey, err := Fixture(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{Storage: t.TempDir(), Certificate: certificate, Key: serverKey, ClientCA: known})
	pair := func(certificate, key string) tls.Certificate {
		pair, err := tls.LoadX509KeyPair(certificate, key)
		if err != nil {
			t.Fatal(err)
		}
		return pair
	}
	url := c.Address + "/cas/" + key
	for name, step := range map[string]struct {
		client *http.Client
		want   int
	}{
		"known":   {trusting(t, certificate, pair(known, knownKey)), http.StatusCreated},
		"unknown": {trusting(t, certificate, pair(certificate, serverKey)), http.StatusBadRequest},
		"none":    {trusting(t, certificate), http.StatusBadRequest},
	} {
		if status, text := ask(t, step.client, "PUT", url, blob); status != step.want {
			t.Errorf("%s: status %d, want %d: %s", name, status, step.want, text)
		}
	}
}

var update = flag.Bool("update", false, "rewrite the page: bazel run //tools/remote/httpcache:httpcache_test -- -update")

// The page for users shows what is tested here.
func TestPage(t *testing.T) {
	var server strings.Builder
	err := configuration.ExecuteTemplate(&server, "server", settings{
		Address:     "443",
		Name:        "cache.example.com",
		Certificate: "/etc/nginx/cache.crt",
		Key:         "/etc/nginx/cache.key",
		Root:        "/var/cache/bazel",
		Incoming:    "/var/cache/bazel/incoming",
		Readers:     "/etc/nginx/readers",
		Writers:     "/etc/nginx/writers",
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../ci/README.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "```nginx\n", "\n```\n"
	before, rest, found := strings.Cut(string(page), begin)
	shown, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatal("../ci/README.md shows no configuration of nginx")
	}
	if *update {
		path := filepath.Join(os.Getenv("BUILD_WORKSPACE_DIRECTORY"), "tools/remote/ci/README.md")
		if err := os.WriteFile(path, []byte(before+begin+server.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != server.String() {
		t.Errorf("../ci/README.md shows\n%s\nwhat is tested is\n%s\nIf that is meant: bazel run //tools/remote/httpcache:httpcache_test -- -update", shown, &server)
	}
}

// What nginx has against it is told at once, and nothing is left.
func TestStartFails(t *testing.T) {
	for name, o := range map[string]Options{
		"ended at once":       {Certificate: "/nonexistent/certificate", Key: "/nonexistent/key"},
		"is not written name": {Writers: []string{"no-password"}},
	} {
		t.Setenv("TMPDIR", t.TempDir())
		var said bytes.Buffer
		o.Storage, o.Log = t.TempDir(), &said
		c, err := Start(context.Background(), o)
		if err == nil {
			t.Error(name, "started all the same", c.Close())
		} else if !strings.Contains(err.Error(), name) {
			t.Errorf("%v: want %q; nginx said %s", err, name, &said)
		}
		if left, _ := filepath.Glob(os.TempDir() + "/*"); len(left) > 0 {
			t.Errorf("%s: %q is left", name, left)
		}
	}
}
