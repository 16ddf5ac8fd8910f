package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"

	"example.org/portable-walkthrough-go/tools/remote/engine"
	"example.org/portable-walkthrough-go/tools/remote/httpcache"
	"example.org/portable-walkthrough-go/tools/remote/meter"
)

// A server is a cache or an engine with a meter before it.
type server struct {
	// address is for Bazel's flags.
	address string
	meter   *meter.Meter
	behind  io.Closer
}

// start is how a server starts that keeps what it is sent in a directory.
type start func(storage string, log io.Writer) (address string, behind io.Closer, err error)

func nginx(storage string, log io.Writer) (string, io.Closer, error) {
	c, err := httpcache.Start(context.Background(), httpcache.Options{Storage: storage, Log: log})
	if err != nil {
		return "", nil, err
	}
	return c.Address, c, nil
}

func buildbox(jobs int) start {
	return func(storage string, log io.Writer) (string, io.Closer, error) {
		e, err := engine.Start(context.Background(), engine.Options{Runner: engine.HostTools, Jobs: jobs, Storage: storage, Log: log})
		if err != nil {
			return "", nil, err
		}
		return e.Address, e, nil
	}
}

// with starts a server.
func (start start) with(storage string) (*server, error) {
	var said bytes.Buffer
	address, behind, err := start(storage, &said)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, &said)
	}
	at, err := url.Parse(address)
	if err != nil {
		return nil, errors.Join(err, behind.Close())
	}
	m, err := meter.Start(at.Host)
	if err != nil {
		return nil, errors.Join(err, behind.Close())
	}
	at.Host = m.Address
	return &server{address: at.String(), meter: m, behind: behind}, nil
}

func (s *server) Close() error { return errors.Join(s.meter.Close(), s.behind.Close()) }
