package proof

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long a client waits for anything.
// It bounds a hang, and is long enough for any machine.
const patience = 2 * time.Minute

const request = "GET / HTTP/1.1\r\nHost: walkthrough\r\n\r\n"

// A client has a connection to one listener, or none.
type client struct {
	address net.Addr
	conn    net.Conn
	reader  *bufio.Reader
}

func (c *client) connect() error {
	conn, err := net.DialTimeout(c.address.Network(), c.address.String(), patience)
	if err != nil {
		return err
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	return conn.SetDeadline(time.Now().Add(patience))
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// load has n clients, spread over the listeners, ask over and over until it is ended.
func load(at []net.Listener, n int, ask func(i int, c *client)) (end func()) {
	over := make(chan struct{})
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() {
			c := client{address: at[i%len(at)].Addr()}
			defer c.close()
			for {
				select {
				case <-over:
					return
				default:
					ask(i, &c)
				}
			}
		})
	}
	return func() {
		close(over)
		clients.Wait()
	}
}

// fresh makes a connection for one request, which it sends in two halves with
// pauses before each.
func (c *client) fresh(silent, half time.Duration) (uint64, error) {
	if err := c.connect(); err != nil {
		return 0, err
	}
	defer c.close()
	time.Sleep(silent)
	first := len(request)
	if half > 0 {
		first /= 2
	}
	if _, err := io.WriteString(c.conn, request[:first]); err != nil {
		return 0, err
	}
	time.Sleep(half)
	if _, err := io.WriteString(c.conn, request[first:]); err != nil {
		return 0, err
	}
	return c.answer()
}

// kept sends a request on the connection of the one before. If that was closed
// meanwhile and nothing of an answer came, it sends it once more on a new
// connection, as RFC 9112, section 9.3.1, says and every client does.
func (c *client) kept() (uint64, error) {
	if c.conn != nil {
		_ = c.conn.SetDeadline(time.Now().Add(patience))
		_, err := io.WriteString(c.conn, request)
		if err == nil {
			_, err = c.reader.Peek(1)
		}
		if err == nil {
			return c.answer()
		}
		c.close()
		if !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
			return 0, err
		}
	}
	if err := c.connect(); err != nil {
		return 0, err
	}
	if _, err := io.WriteString(c.conn, request); err != nil {
		return 0, err
	}
	return c.answer()
}

// answer reads the answer to a request.
func (c *client) answer() (uint64, error) {
	answer, err := http.ReadResponse(c.reader, nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, err
	}
	if answer.Close {
		c.close()
	}
	var n uint64
	if _, err := fmt.Fscanf(strings.NewReader(string(body)), "Hello! You are visitor #%d!\n", &n); err != nil || answer.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("status %s, body %q", answer.Status, body)
	}
	return n, nil
}

// quick sends a request and reads the answer, which ends in "!\n", with as little work
// as a benchmark's client can do.
func (c *client) quick() error {
	if _, err := io.WriteString(c.conn, request); err != nil {
		return err
	}
	buffer := make([]byte, 1024)
	for n := 0; ; {
		read, err := c.conn.Read(buffer[n:])
		if err != nil {
			return err
		}
		n += read
		if bytes.HasSuffix(buffer[:n], []byte("!\n")) {
			if !bytes.HasPrefix(buffer, []byte("HTTP/1.1 200 ")) {
				return fmt.Errorf("got %q", buffer[:n])
			}
			return nil
		}
		if n == len(buffer) {
			return io.ErrShortBuffer
		}
	}
}
