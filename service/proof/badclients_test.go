package proof

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// A besieged service has one TCP listener, and a process that can be looked at.
type besieged struct {
	address net.Addr
	process atomic.Pointer[os.Process]
}

// besiegedService starts a service that may have a number of open files, and checks
// at the end that one life was enough for all that came.
func besiegedService(t *testing.T, files int) *besieged {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &besieged{address: listener.Addr()}
	p := service(t, []net.Listener{listener})
	p.files, p.started = files, func(process *os.Process) { b.process.Store(process) }
	m := manage(t, p)
	t.Cleanup(func() {
		if runs := m.stop(t); len(runs) != 1 || runs[0].state.ExitCode() != 0 {
			t.Errorf("want one life with a good end, got %+v", runs)
		}
		listener.Close()
	})
	b.answers(t)
	return b
}

// answers checks that a well-behaved client is served, and returns its number.
func (b *besieged) answers(t *testing.T) uint64 {
	t.Helper()
	good := client{address: b.address}
	n, err := good.fresh(0, 0)
	if err != nil {
		t.Fatalf("a good client was not answered: %v", err)
	}
	return n
}

func (b *besieged) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout(b.address.Network(), b.address.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn
}

var vmRSS = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// resident returns a process's kilobytes of memory.
func resident(t testing.TB, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	match := vmRSS.FindSubmatch(status)
	if match == nil {
		t.Fatalf("no VmRSS in %q", status)
	}
	kilobytes, _ := strconv.Atoi(string(match[1]))
	return kilobytes
}

// The service cuts off headers that come byte by byte after ten seconds. They delay no other client.
func TestSlowloris(t *testing.T) {
	t.Parallel()
	b := besiegedService(t, 0)
	var slow []net.Conn
	for range 200 {
		conn := b.dial(t)
		slow = append(slow, conn)
		if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nX-Slow: "); err != nil {
			t.Fatal(err)
		}
	}
	var ended sync.WaitGroup
	for _, conn := range slow {
		ended.Go(func() {
			// The service's answer and its close make the writes fail too.
			if answer, err := io.ReadAll(conn); bytes.Contains(answer, []byte("Hello")) || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %q, %v; want the connection closed", answer, err)
			}
			conn.Close()
		})
		go func() {
			for {
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
				time.Sleep(500 * time.Millisecond)
			}
		}()
	}
	all := make(chan struct{})
	go func() { ended.Wait(); close(all) }()
	for {
		select {
		case <-all:
			return
		default:
			b.answers(t)
			time.Sleep(500 * time.Millisecond)
		}
	}
}

// The limit of connections bounds memory, and 10 000 silent ones delay no other client.
func TestManyIdleConnections(t *testing.T) {
	want := 10000
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		t.Fatal(err)
	}
	if most := int(files.Cur) - 500; most < want {
		t.Logf("only %d files may be open here", files.Cur)
		want = most
	}
	b := besiegedService(t, 0)
	before := resident(t, b.process.Load().Pid)
	for range want {
		b.dial(t)
	}
	b.answers(t)
	each := float64(resident(t, b.process.Load().Pid)-before) / float64(want)
	t.Logf("%d connections: %d kB resident, %.1f kB each, %d kB before", want, resident(t, b.process.Load().Pid), each, before)
	if each > 32 && !slow() {
		t.Errorf("%.1f kB for each connection, want less than 32", each)
	}
}

// When the descriptors are used up, clients wait in the queue until silent ones are
// cut off. The service needs some for itself, and keeps them.
func TestDescriptorsUsedUp(t *testing.T) {
	t.Parallel()
	b := besiegedService(t, 100)
	// Twice as many as it takes (100 files, 64 of them in reserve).
	for range 65 {
		b.dial(t)
	}
	b.answers(t)
}

// The service refuses input that is not a request, and does not count it.
func TestGarbage(t *testing.T) {
	b := besiegedService(t, 0)
	before := b.answers(t)
	for name, test := range map[string]struct{ send, want string }{
		"1 MiB of header":             {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20), "431 "},
		"1 MiB of headers":            {"GET / HTTP/1.1\r\nHost: x\r\n" + strings.Repeat("X: y\r\n", 1<<20/6), "431 "},
		"no HTTP":                     {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "400 "},
		"zeroes":                      {strings.Repeat("\x00", 1000) + "\r\n\r\n", "400 "},
		"other version":               {"GET / HTTP/9.9\r\nHost: x\r\n\r\n", "505 "},
		"no host":                     {"GET / HTTP/1.1\r\n\r\n", "400 "},
		"two lengths":                 {"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "400 "},
		"other coding":                {"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: zip\r\n\r\n", "501 "},
		"body that never comes":       {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000000\r\n\r\n", "405 "},
		"short body that never comes": {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n", "405 "},
	} {
		t.Run(name, func(t *testing.T) {
			conn := b.dial(t)
			_, _ = io.WriteString(conn, test.send) // It may be cut off.
			answer := make([]byte, 64)
			n, err := conn.Read(answer)
			if !bytes.HasPrefix(answer[:n], []byte("HTTP/1.1 "+test.want)) {
				t.Errorf("got %q, %v, want %s", answer[:n], err, test.want)
			}
		})
	}
	if after := b.answers(t); after != before+1 {
		t.Errorf("#%d after #%d: garbage was counted", after, before)
	}
	// A visit counts, though its body never comes.
	conn := b.dial(t)
	_, _ = io.WriteString(conn, strings.Replace(request, "\r\n\r\n", "\r\nContent-Length: 5\r\n\r\n", 1))
	visitor := client{conn: conn, reader: bufio.NewReader(conn)}
	if n, err := visitor.answer(); n != before+2 || err != nil {
		t.Errorf("got #%d, %v, want #%d", n, err, before+2)
	}
}

// Requests sent without waiting for answers are answered in order.
func TestPipelining(t *testing.T) {
	b := besiegedService(t, 0)
	before := b.answers(t)
	conn := b.dial(t)
	const requests = 50
	if _, err := io.WriteString(conn, strings.Repeat(request, requests-1)+strings.Replace(request, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)); err != nil {
		t.Fatal(err)
	}
	answers, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	numbers := regexp.MustCompile(`#(\d+)!`).FindAllSubmatch(answers, -1)
	if len(numbers) != requests {
		t.Fatalf("%d answers, want %d", len(numbers), requests)
	}
	for i, match := range numbers {
		if got := string(match[1]); got != strconv.FormatUint(before+1+uint64(i), 10) {
			t.Fatalf("answer %d is #%s, want #%d", i, got, before+1+uint64(i))
		}
	}
}
