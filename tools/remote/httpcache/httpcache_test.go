package httpcache

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
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

func TestTLS(t *testing.T) {
	directory := t.TempDir()
	certificate, key, err := Fixture(directory)
	if err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{Storage: t.TempDir(), Certificate: certificate, Key: key})
	text, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}}
	if status, _ := ask(t, client, "GET", c.Address+"/cas/"+strings.Repeat("0", 64), nil); status != http.StatusNotFound {
		t.Errorf("status %d, want 404", status)
	}
	if answer, err := http.Get(c.Address); err == nil {
		answer.Body.Close()
		t.Error("who does not know the certificate was content")
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
