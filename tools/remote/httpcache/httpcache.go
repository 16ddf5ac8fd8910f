// Package httpcache starts a real HTTP cache, nginx with its DAV module, for as long as a
// test or a command needs it, on the loopback interface.
package httpcache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"example.org/portable-walkthrough-go/tools/program"
	"example.org/portable-walkthrough-go/tools/remote/child"
	"example.org/portable-walkthrough-go/tools/runfile"
)

// Options say what a cache is to be like.
type Options struct {
	// Storage is an existing directory for blobs and results: see [Cache.File]. Another
	// cache may go on with it later.
	Storage string
	// Log gets what nginx has to say.
	Log io.Writer
	// Writers are who may write, each as "name:password" for HTTP's basic
	// authentication. Default: everybody may write.
	Writers []string
	// Readers are who else may read, in the same manner. Default: everybody may read.
	Readers []string
	// Certificate and Key are PEM files for TLS. Default: no TLS.
	Certificate, Key string
	// ClientCA is a PEM file of who signs clients' certificates. Default: clients need none.
	ClientCA string
}

// A Cache listens until it is closed.
type Cache struct {
	// Address is for --remote_cache.
	Address string

	options Options
	scratch string
	nginx   *child.Process
}

// Start starts a cache. Its program comes from the runfiles that HTTPCACHE_DATA in data.bzl
// names. Close must be called, by the same goroutine: nginx dies with the thread that
// started it.
func Start(ctx context.Context, o Options) (_ *Cache, err error) {
	c := &Cache{options: o}
	if c.options.Storage, err = filepath.Abs(o.Storage); err != nil {
		return nil, err
	}
	if c.scratch, err = os.MkdirTemp("", "http-cache"); err != nil {
		return nil, err
	}
	runtime.LockOSThread()
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	// nginx can't choose a free port, but it can be given a socket, if that is of the sort
	// that its configuration asks for: not Go's default, which is Multipath TCP.
	var plain net.ListenConfig
	plain.SetMultipathTCP(false)
	listener, err := plain.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	scheme := "http"
	if o.Certificate != "" {
		scheme = "https"
	}
	c.Address = scheme + "://" + listener.Addr().String()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	if err := c.startNginx(ctx, listener.Addr().String(), socket); err != nil {
		return nil, err
	}
	return c, c.await(ctx, listener.Addr().String())
}

func (c *Cache) startNginx(ctx context.Context, address string, socket *os.File) error {
	path, err := runfile.Path("NGINX_PROGRAM")
	if err != nil {
		return err
	}
	nginx, err := program.Find(path)
	if err != nil {
		return err
	}
	configuration, err := c.configure(address)
	if err != nil {
		return err
	}
	// -e: its own default is a file below /var/log.
	cmd := nginx.Command(ctx, "-p", c.scratch, "-e", "stderr", "-c", configuration)
	cmd.ExtraFiles = []*os.File{socket}
	// How nginx hands its sockets to its successor: descriptors that listen already.
	cmd.Env = []string{"NGINX=3;"}
	c.nginx, err = child.Start("nginx", cmd, c.options.Log)
	return err
}

// await wants an answer, any: connections wait in the socket until nginx takes them.
func (c *Cache) await(ctx context.Context, address string) error {
	const patience = 30 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answered := make(chan error, 1)
	go func() {
		// Also of a server with TLS, which answers this with a complaint.
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/", nil)
		if err == nil {
			var answer *http.Response
			if answer, err = new(http.Transport).RoundTrip(request); err == nil {
				err = answer.Body.Close()
			}
		}
		answered <- err
	}()
	select {
	case <-c.nginx.Done:
		return c.nginx.EndedAtOnce()
	case err := <-answered:
		if err != nil {
			return fmt.Errorf("nginx does not answer: %w", err)
		}
		return nil
	}
}

// File is where the cache keeps what it has at a path of its URL: "/ac/KEY" for the result
// of the action with that key, "/cas/DIGEST" for a file's content.
func (c *Cache) File(path string) string { return filepath.Join(c.options.Storage, "root", path) }

// Close ends nginx, waits for that, and leaves the storage.
func (c *Cache) Close() error {
	defer runtime.UnlockOSThread()
	var err error
	if c.nginx != nil {
		err = c.nginx.Stop()
	}
	return errors.Join(err, os.RemoveAll(c.scratch))
}
