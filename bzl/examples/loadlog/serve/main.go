// Loadlog writes the samples taken so far to every client of its socket.
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"example.org/loadlog/record"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "loadlog:", err)
		os.Exit(1)
	}
}

func run() error {
	file, err := record.File()
	if err != nil {
		return err
	}
	// The first descriptor that a socket unit hands over: sd_listen_fds(3).
	if os.Getenv("LISTEN_FDS") != "1" {
		return errors.New("no socket: start loadlog.socket, which starts this")
	}
	listener, err := net.FileListener(os.NewFile(3, "loadlog.socket"))
	if err != nil {
		return err
	}
	return serve(listener, file)
}

// serve answers one connection after the other: an answer is short.
func serve(listener net.Listener, file string) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		if err := answer(conn, file); err != nil {
			fmt.Fprintln(os.Stderr, "loadlog:", err)
		}
	}
}

func answer(conn net.Conn, file string) error {
	defer conn.Close()
	samples, err := os.Open(file)
	if errors.Is(err, os.ErrNotExist) {
		_, err = io.WriteString(conn, "no samples yet\n")
		return err
	}
	if err != nil {
		return err
	}
	defer samples.Close()
	_, err = io.Copy(conn, samples)
	return err
}
