package walkthrough

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A client visits the service.
type client struct{ http.Client }

// fresh makes a connection for each request: one that is lost is an error.
func fresh() *client {
	return &client{http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// kept uses one connection for many requests. If it was closed meanwhile, net/http
// sends the request once more, as HTTP is meant (RFC 9112, section 9.3.1).
func kept() *client {
	return &client{http.Client{Timeout: patience, Transport: &http.Transport{}}}
}

// visit returns the visitor's number.
func (c *client) visit() (n uint64, err error) {
	answer, err := c.Get(address)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	if _, err := fmt.Sscanf(string(body), "Hello! You are visitor #%d!\n", &n); err != nil || answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %s, body %q", answer.Status, body)
	}
	return n, nil
}

// visit makes one request.
func visit(t *testing.T) uint64 {
	t.Helper()
	n, err := fresh().visit()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// visitors is what several clients were told.
type visitors struct {
	mu      sync.Mutex
	numbers []uint64
	errs    []error
}

func (v *visitors) add(n uint64, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.errs = append(v.errs, err)
		return
	}
	v.numbers = append(v.numbers, n)
}

// verify verifies that no request was lost and no number repeated. It returns the number of
// requests and the largest number.
func (v *visitors) verify(t *testing.T) (count int, last uint64) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.errs) > 0 {
		t.Errorf("%d requests of %d were lost, the first one: %v", len(v.errs), len(v.errs)+len(v.numbers), v.errs[0])
	}
	slices.Sort(v.numbers)
	for i := 1; i < len(v.numbers); i++ {
		if v.numbers[i] == v.numbers[i-1] {
			t.Errorf("#%d was told twice", v.numbers[i])
		}
	}
	if len(v.numbers) == 0 {
		t.Fatal("nobody was answered")
	}
	return len(v.numbers), v.numbers[len(v.numbers)-1]
}

// load visits from several clients at once, with fresh and kept connections, until
// stop is called.
func load(clients int) (v *visitors, stop func()) { return pacedLoad(clients, 0) }

// pacedLoad is load whose clients pause after each answer, and so leave the processors to others.
func pacedLoad(clients int, pause time.Duration) (v *visitors, stop func()) {
	v = &visitors{}
	done := make(chan struct{})
	var all sync.WaitGroup
	for i := range clients {
		c := fresh()
		if i%2 == 1 {
			c = kept()
		}
		all.Go(func() {
			for {
				select {
				case <-done:
					c.CloseIdleConnections()
					return
				case <-time.After(pause):
					v.add(c.visit())
				}
			}
		})
	}
	return v, func() {
		close(done)
		all.Wait()
	}
}

// after waits until the clients have had so many more answers.
func (v *visitors) after(t *testing.T, more int) {
	t.Helper()
	count := func() int {
		v.mu.Lock()
		defer v.mu.Unlock()
		return len(v.numbers) + len(v.errs)
	}
	from := count()
	eventually(t, fmt.Sprintf("%d more answers", more), func() bool { return count() >= from+more })
}

// inode is the listening socket's, from proc(5)'s table of sockets.
func inode(t *testing.T) string {
	t.Helper()
	const listening = "0A"
	for _, table := range []string{"/proc/net/tcp6", "/proc/net/tcp"} {
		text, err := os.ReadFile(table)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n") {
			fields := strings.Fields(line)
			if len(fields) > 9 && fields[3] == listening && strings.HasSuffix(fields[1], fmt.Sprintf(":%04X", 8088)) {
				return fields[9]
			}
		}
	}
	t.Fatal("nobody listens on port 8088")
	return ""
}

// listens says whether a connection to the port is taken.
func listens() bool {
	conn, err := net.DialTimeout("tcp", "localhost:8088", time.Second)
	if err == nil {
		conn.Close()
	}
	return err == nil
}
