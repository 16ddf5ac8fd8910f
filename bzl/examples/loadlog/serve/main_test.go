package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"example.org/loadlog/record"
)

// The test binary is the service when it is started with a socket.
func TestMain(m *testing.M) {
	if os.Getenv("LISTEN_FDS") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func ask(t *testing.T, socket string) string {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answer, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestServesOnAnInheritedSocket(t *testing.T) {
	state := t.TempDir()
	// A socket's path is at most 108 bytes long.
	directory, err := os.MkdirTemp("/tmp", "loadlog")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(directory)
	socket := filepath.Join(directory, "socket")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	inherited, err := listener.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	service := exec.CommandContext(t.Context(), self)
	service.Env = []string{"LISTEN_FDS=1", "STATE_DIRECTORY=" + state}
	service.ExtraFiles = []*os.File{inherited}
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = service.Process.Kill()
		_ = service.Wait()
	}()

	if got := ask(t, socket); got != "no samples yet\n" {
		t.Errorf("got %q", got)
	}
	if err := record.Add(filepath.Join(state, "samples"), "a sample", 9); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, socket); got != "a sample\n" {
		t.Errorf("got %q", got)
	}
}
