package terminate

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// asProgram makes the test binary be a program that waits for a signal.
const asProgram = "TEST_RUN_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		program()
		return
	}
	os.Exit(m.Run())
}

// program says when it is ready for signals and when one has come. It allocates on
// all processors, so that signals find the runtime in the middle of anything.
func program() {
	ctx, err := Context(context.Background())
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for {
				_ = fmt.Sprintf("%0100d", 1)
			}
		}()
	}
	fmt.Println("ready")
	<-ctx.Done()
	time.Sleep(300 * time.Millisecond) // More signals come.
	fmt.Println("done")
}

// start returns the program when it is ready, and what it will still say.
func start(t *testing.T) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = []string{asProgram + "=1"}
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := bufio.NewReader(stdout)
	if line, err := said.ReadString('\n'); line != "ready\n" {
		t.Fatalf("got %q, %v", line, err)
	}
	return cmd, said
}

// send sends a signal many times, and returns the program's last words and its end.
func send(t *testing.T, s syscall.Signal) (string, error) {
	t.Helper()
	cmd, said := start(t)
	for range 500 {
		_ = cmd.Process.Signal(s) // It may be gone already.
		time.Sleep(50 * time.Microsecond)
	}
	last, err := io.ReadAll(said)
	if err != nil {
		t.Fatal(err)
	}
	return string(last), cmd.Wait()
}

func TestContextIsDoneAndTheProcessGoesOn(t *testing.T) {
	for _, s := range signals {
		if last, err := send(t, s); last != "done\n" || err != nil {
			t.Errorf("%v: got %q, %v", s, last, err)
		}
	}
}

// The control: a signal that is not caught ends the program.
func TestOtherSignalEndsTheProgram(t *testing.T) {
	if last, err := send(t, syscall.SIGHUP); last != "" || err == nil {
		t.Errorf("got %q, %v", last, err)
	}
}

func TestIgnoredSignalStaysIgnored(t *testing.T) {
	signal.Ignore(syscall.SIGINT)
	cmd, said := start(t)
	signal.Reset(syscall.SIGINT)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	line := make(chan string)
	go func() {
		text, _ := said.ReadString('\n')
		line <- text
	}()
	select {
	case text := <-line:
		t.Errorf("SIGINT was not ignored: got %q", text)
	case <-time.After(time.Second):
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if text := <-line; text != "done\n" {
		t.Errorf("got %q after SIGTERM", text)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
