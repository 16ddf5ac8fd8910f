// Package proof holds what ../README.md says of credentials: a real Bazel shows them to a
// real server, and what it writes down is looked through for them. It starts Bazel, so it
// is no test for bazel test.
package proof

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.org/portable-walkthrough-go/tools/remote/httpcache"
)

// start starts a cache. kept counts the results that it was sent.
func start(t *testing.T, o httpcache.Options) (c *httpcache.Cache, kept func() int) {
	t.Helper()
	o.Storage, o.Log = t.TempDir(), t.Output()
	c, err := httpcache.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, func() int {
		results, err := filepath.Glob(filepath.Join(c.File("/ac"), "*"))
		if err != nil {
			t.Fatal(err)
		}
		return len(results)
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPasswords(t *testing.T) {
	w := newWorkspace(t)
	basic := func(password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte("ci:"+password))
	}
	helper := func(authorization string) string {
		return "--credential_helper=127.0.0.1=" + write(t, "helper", "#!/bin/sh\necho '{\"headers\": {\"Authorization\": [\""+authorization+"\"]}}'\n")
	}
	netrc := func(password string) []string {
		return []string{"NETRC=" + write(t, "netrc", "machine 127.0.0.1 login ci password "+password+"\n")}
	}
	// Basic authentication hides a password from a search. So what is searched for goes to a
	// cache that asks for none, where it is in a header, and else is the password itself.
	for name, c := range map[string]struct {
		password   string
		env, flags []string
		// kept is whether the cache takes the result; tells and logs, whether the secret is in
		// the build events and in the log of Bazel's server.
		kept, tells, logs bool
	}{
		"a helper":             {password: "x", flags: []string{helper(basic("x"))}, kept: true},
		"a helper's secret":    {flags: []string{helper("Bearer " + secret)}, kept: true},
		"a helper that errs":   {password: "x", flags: []string{helper(basic("wrong"))}},
		"a helper of another":  {password: "x", flags: []string{strings.Replace(helper(basic("x")), "127.0.0.1", "cache.example.com", 1)}},
		"netrc":                {password: secret, env: netrc(secret), kept: true},
		"netrc that errs":      {password: secret, env: netrc("wrong")},
		"the address":          {password: secret, kept: true, tells: true, logs: true},
		"a header":             {password: "x", flags: []string{"--remote_header=Authorization=" + basic("x")}, kept: true},
		"a header's secret":    {flags: []string{"--remote_header=Authorization=Bearer " + secret}, kept: true, tells: true, logs: true},
		"a variable of client": {env: []string{"CACHE_TOKEN=" + secret}, kept: true, tells: true},
		"nothing":              {password: "x"},
	} {
		t.Run(name, func(t *testing.T) {
			var o httpcache.Options
			if c.password != "" {
				o.Writers = []string{"ci:" + c.password}
			}
			cache, kept := start(t, o)
			address := cache.Address
			if name == "the address" {
				address = strings.Replace(address, "://", "://ci:"+secret+"@", 1)
			}
			code, said := w.build(t, c.env, append(c.flags, "--remote_cache="+address)...)
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			if got := kept() == 1; got != c.kept {
				t.Errorf("the cache took the result: %v, want %v: %s", got, c.kept, said)
			}
			if warned := strings.Contains(said, "WARNING: Remote Cache"); warned == c.kept {
				t.Errorf("Bazel warned: %v: %s", warned, said)
			}
			if got := w.tells(t); got != c.tells {
				t.Errorf("the secret is in the build events: %v, want %v", got, c.tells)
			}
			if got := w.logs(t); got != c.logs {
				t.Errorf("the secret is in the server's log: %v, want %v", got, c.logs)
			}
		})
	}
}

func TestCertificates(t *testing.T) {
	w := newWorkspace(t)
	certificate, key, err := httpcache.Fixture(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	client, clientKey, err := httpcache.Fixture(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	const ca, cert, private = "--tls_certificate=", "--tls_client_certificate=", "--tls_client_key="
	for name, c := range map[string]struct {
		flags []string
		code  int
		kept  bool
	}{
		"both":                {flags: []string{ca + certificate, cert + client, private + clientKey}, kept: true},
		"none":                {flags: []string{ca + certificate}},
		"the certificate":     {flags: []string{ca + certificate, cert + client}},
		"the key":             {flags: []string{ca + certificate, private + clientKey}},
		"another's":           {flags: []string{ca + certificate, cert + certificate, private + key}},
		"server not trusted":  {flags: []string{cert + client, private + clientKey}},
		"key of another form": {flags: []string{ca + certificate, cert + client, private + sec1(t, clientKey)}, code: 37},
	} {
		t.Run(name, func(t *testing.T) {
			cache, kept := start(t, httpcache.Options{Certificate: certificate, Key: key, ClientCA: client})
			code, said := w.build(t, nil, append(c.flags, "--remote_cache="+cache.Address)...)
			if code != c.code {
				t.Fatalf("exit code %d, want %d: %s", code, c.code, said)
			}
			if got := kept() == 1; got != c.kept {
				t.Errorf("the cache took the result: %v, want %v: %s", got, c.kept, said)
			}
		})
	}
}

// sec1 writes a key in the form that openssl ecparam writes.
func sec1(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "sec1.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})))
}
